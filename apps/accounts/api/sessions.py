"""Where a member is signed in, and how they came in."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import services
from apps.accounts.contracts import LoginOutcome, SignInMethod
from apps.kernel import clock
from apps.kernel.api import SESSION_ONLY, Endpoint, PageQuery, page_response


class Sessions(Endpoint):
    """GET and DELETE /api/v1/me/sessions: the browsers in which the member is signed in."""

    scope = SESSION_ONLY
    unpaged_list = True

    class Output(serializers.Serializer[Any]):
        """One browser. `network` is coarse; `last_seen_at` lags up to five minutes."""

        id = serializers.UUIDField()
        browser = serializers.CharField()
        network = serializers.CharField()
        method = serializers.ChoiceField(choices=SignInMethod.choices)
        created_at = serializers.DateTimeField()
        last_seen_at = serializers.DateTimeField()
        is_current = serializers.BooleanField()

    def get(self, request: Request) -> Response:
        """All of them, last used first."""
        key = request._request.session.session_key
        sessions = services.sessions_of(user_id=self.user_id, session_key=key, now=clock.now())
        return Response(self.Output(sessions, many=True).data)

    @extend_schema(operation_id="v1_me_sessions_destroy_others")
    def delete(self, request: Request) -> Response:
        """Sign out everywhere else, at once."""
        key = request._request.session.session_key
        services.revoke_other_sessions(user_id=self.user_id, session_key=key, now=clock.now())
        return Response(status=204)


class Session(Endpoint):
    """DELETE /api/v1/me/sessions/{id}: sign one browser out."""

    scope = SESSION_ONLY

    def delete(self, request: Request, session_id: UUID) -> Response:
        """End it at once; this browser's own may be among them."""
        services.revoke_session(user_id=self.user_id, session_id=session_id, now=clock.now())
        return Response(status=204)


class Logins(Endpoint):
    """GET /api/v1/me/logins: sign-ins of the last half year, refused ones too."""

    scope = "account"
    paged = True

    class Output(serializers.Serializer[Any]):
        """One sign-in."""

        id = serializers.UUIDField()
        method = serializers.ChoiceField(choices=SignInMethod.choices)
        outcome = serializers.ChoiceField(choices=LoginOutcome.choices)
        browser = serializers.CharField()
        network = serializers.CharField()
        at = serializers.DateTimeField()

    def get(self, request: Request) -> Response:
        """A page of them, newest first."""
        query = self.parse(request, PageQuery)
        page = services.logins_of(user_id=self.user_id, cursor=query.get("cursor"), size=query["size"])
        return page_response(request, page, self.Output)
