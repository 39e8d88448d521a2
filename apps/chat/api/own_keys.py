"""A member's own keys of providers: entered, tried and deleted in a signed-in browser; never read, never by a key."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.chat import services
from apps.chat.contracts import OwnKeyState
from apps.kernel import clock
from apps.kernel.api import SESSION_ONLY, Endpoint, StrictSerializer

_SIGNS = 400


class OwnKeyOutput(serializers.Serializer[Any]):
    """How a key stands; of the key itself `hint`, its last signs, is all that can be read."""

    kind = serializers.CharField(source="place.kind", help_text="the kind of channel: the provider")
    name = serializers.CharField(source="place.label")
    models = serializers.ListField(child=serializers.CharField(), source="place.models", help_text="that it asks")
    address = serializers.CharField(source="place.base_url", help_text="where keys of this kind are asked, if known")
    may_have_own_address = serializers.BooleanField(source="place.may_move")
    is_entered = serializers.BooleanField()
    is_enabled = serializers.BooleanField(help_text="whether it is used")
    hint = serializers.CharField()
    base_url = serializers.CharField(help_text="the member's own address, if it has one")
    updated_at = serializers.DateTimeField(allow_null=True)
    tested_at = serializers.DateTimeField(allow_null=True)
    test_code = serializers.CharField(help_text='what the last test showed: "" where it answered')


class OwnKeys(Endpoint):
    """GET /api/v1/chat/own-keys: of each provider of which there may be one."""

    scope = SESSION_ONLY
    unpaged_list = True
    Output: ClassVar[Any] = OwnKeyOutput

    def get(self, request: Request) -> Response:
        """The member's keys, entered or not."""
        return Response([_shown(state) for state in services.own_keys_of(user_id=self.user_id)])


class OneOwnKey(Endpoint):
    """GET, PUT and DELETE /api/v1/chat/own-keys/{channel_kind}."""

    scope = SESSION_ONLY
    Output: ClassVar[Any] = OwnKeyOutput

    class Input(StrictSerializer):
        """The key, or none to keep the one that was entered; an address of its own only where it is allowed."""

        api_key = serializers.CharField(required=False, write_only=True, max_length=_SIGNS, trim_whitespace=True)
        base_url = serializers.CharField(required=False, allow_blank=True, default="", max_length=300)
        is_enabled = serializers.BooleanField(required=False, default=True)

    def get(self, request: Request, channel_kind: str) -> Response:
        """How it stands."""
        return Response(_shown(services.own_key(user_id=self.user_id, kind=channel_kind)))

    def put(self, request: Request, channel_kind: str) -> Response:
        """Enter it, or change how it is used. A key is tried before it is kept: that takes up to twelve seconds."""
        body = self.parse(request, self.Input)
        state = services.save_own_key(
            user_id=self.user_id,
            kind=channel_kind,
            api_key=body.get("api_key"),
            base_url=body["base_url"],
            is_enabled=body["is_enabled"],
            now=clock.now(),
        )
        return Response(_shown(state))

    def delete(self, request: Request, channel_kind: str) -> Response:
        """Forget it: what is being asked with it stops."""
        services.delete_own_key(user_id=self.user_id, kind=channel_kind, now=clock.now())
        return Response(status=204)


class TestOwnKey(Endpoint):
    """POST /api/v1/chat/own-keys/{channel_kind}/test: ask its provider a tiny question."""

    scope = SESSION_ONLY
    Output: ClassVar[Any] = OwnKeyOutput

    class Input(StrictSerializer):
        """Nothing."""

    def post(self, request: Request, channel_kind: str) -> Response:
        """How it stands now; takes up to twelve seconds."""
        self.parse(request, self.Input)
        return Response(_shown(services.test_own_key(user_id=self.user_id, kind=channel_kind, now=clock.now())))


def _shown(state: OwnKeyState) -> Any:
    return OwnKeyOutput(state).data
