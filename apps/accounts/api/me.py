"""The member's own profile and data, and leaving."""

from typing import Any, ClassVar

from django.http import FileResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import services, sessions
from apps.accounts.contracts import MemberStatus, Profile
from apps.kernel import clock
from apps.kernel.api import SESSION_ONLY, Endpoint, StrictSerializer


class ProfileOutput(serializers.Serializer[Profile]):
    """A member as they see themselves."""

    id = serializers.UUIDField()
    nickname = serializers.CharField()
    avatar = serializers.CharField()
    status = serializers.ChoiceField(choices=MemberStatus.choices)
    created_at = serializers.DateTimeField()
    language = serializers.CharField(allow_blank=True)


class Me(Endpoint):
    """GET, PATCH and DELETE /api/v1/me: the member's own account."""

    scope = "account"
    delete_scope = SESSION_ONLY

    class PatchInput(StrictSerializer):
        """What a member may change; avatars are at /avatars/{code}.svg."""

        nickname = serializers.CharField(required=False, max_length=200, trim_whitespace=True)
        avatar = serializers.CharField(required=False, max_length=4)
        language = serializers.CharField(required=False, max_length=10)

    class DeleteInput(StrictSerializer):
        """The nickname, typed to confirm."""

        confirm = serializers.CharField(max_length=200)

    Output = ProfileOutput

    def get(self, request: Request) -> Response:
        """Show the profile."""
        return Response(ProfileOutput(services.get_profile(user_id=self.user_id)).data)

    def patch(self, request: Request) -> Response:
        """Change it; the language counts from the next page on."""
        profile = services.change_profile(user_id=self.user_id, **self.parse(request, self.PatchInput))
        response = Response(ProfileOutput(profile).data)
        if profile.language:
            sessions.set_language(response, profile.language)
        return response

    @extend_schema(request=DeleteInput)
    def delete(self, request: Request) -> Response:
        """Close the account for good; the body is {"confirm": "<nickname>"}. Balances are lost. No API key may do it.

        Refused with 409 while an order is open, an answer is being written or a prize is on its way.
        """
        confirm = self.parse(request, self.DeleteInput)["confirm"]
        now = clock.now()
        services.close_account(user_id=self.user_id, confirm=confirm, now=now)
        sessions.sign_out(request._request, now=now)
        return Response(status=204)


class OwnData(Endpoint):
    """GET /api/v1/me/export: everything that we know about the member; more than any key may see."""

    scope = SESSION_ONLY
    answers: ClassVar[Any] = {(200, "application/zip"): OpenApiTypes.BINARY}

    def get(self, request: Request) -> FileResponse:
        """One zip of JSON lists; a few times a day."""
        now = clock.now()
        return FileResponse(
            services.export_own_data(user_id=self.user_id, now=now),
            as_attachment=True,
            filename=f"chatloop-{timezone.localtime(now):%Y%m%d}.zip",
            content_type="application/zip",
            headers={"Cache-Control": "no-store"},
        )
