"""API keys: made, shown once, and revoked in a signed-in browser; never by a key."""

from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import rules, services
from apps.accounts.contracts import ApiScope
from apps.kernel import clock
from apps.kernel.api import SESSION_ONLY, Endpoint, StrictSerializer


class KeyOutput(serializers.Serializer[Any]):
    """One key; `prefix` is how it begins. Empty networks or models allow all; without a cap it is null."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=ApiScope.choices))
    allowed_networks = serializers.ListField(child=serializers.CharField())
    allowed_models = serializers.ListField(child=serializers.CharField())
    spend_cap_milli = serializers.IntegerField(allow_null=True)
    requests_per_minute = serializers.IntegerField(allow_null=True, help_text="questions of this key")
    tokens_per_minute = serializers.IntegerField(allow_null=True, help_text="what is asked with it, and the answers")
    max_parallel = serializers.IntegerField(allow_null=True, help_text="its answers at once")
    spent_milli = serializers.IntegerField(help_text="charged, and held for answers that still run")
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="lags up to five minutes")
    created_at = serializers.DateTimeField()


class NewKeyOutput(KeyOutput):
    """The same, and the key itself: now and never again."""

    key = serializers.CharField()


class ApiKeys(Endpoint):
    """GET and POST /api/v1/api-keys."""

    scope = SESSION_ONLY
    unpaged_list = True
    created_status = 201
    Output: ClassVar[Any] = KeyOutput
    PostOutput: ClassVar[Any] = NewKeyOutput

    class Input(StrictSerializer):
        """A new key. Networks are in CIDR form, models are ids of /chat/models, the cap is for the key's whole life."""

        name = serializers.CharField(max_length=rules.MAX_KEY_NAME)
        scopes = serializers.ListField(child=serializers.ChoiceField(choices=ApiScope.choices), min_length=1)
        expires_at = serializers.DateTimeField(required=False, allow_null=True)
        allowed_networks = serializers.ListField(
            child=serializers.CharField(max_length=43), required=False, max_length=rules.NETWORKS_PER_KEY
        )
        allowed_models = serializers.ListField(
            child=serializers.CharField(max_length=64), required=False, max_length=rules.MODELS_PER_KEY
        )
        spend_cap_milli = serializers.IntegerField(
            required=False, allow_null=True, min_value=0, max_value=rules.LARGEST_SPEND_CAP_MILLI
        )
        requests_per_minute = serializers.IntegerField(
            required=False, allow_null=True, min_value=1, max_value=rules.MOST_REQUESTS_PER_MINUTE
        )
        tokens_per_minute = serializers.IntegerField(
            required=False, allow_null=True, min_value=1, max_value=rules.MOST_TOKENS_PER_MINUTE
        )
        max_parallel = serializers.IntegerField(
            required=False, allow_null=True, min_value=1, max_value=rules.MOST_PARALLEL
        )

    def get(self, request: Request) -> Response:
        """The member's keys that are not revoked, newest first."""
        return Response(KeyOutput(services.api_keys_of(user_id=self.user_id), many=True).data)

    def post(self, request: Request) -> Response:
        """Make a key; this answer is the only place where it can be read."""
        body = self.parse(request, self.Input)
        made = services.create_api_key(
            user_id=self.user_id,
            name=body["name"],
            scopes=tuple(body["scopes"]),
            expires_at=body.get("expires_at"),
            allowed_networks=tuple(body.get("allowed_networks", ())),
            allowed_models=tuple(body.get("allowed_models", ())),
            spend_cap_milli=body.get("spend_cap_milli"),
            requests_per_minute=body.get("requests_per_minute"),
            tokens_per_minute=body.get("tokens_per_minute"),
            max_parallel=body.get("max_parallel"),
            now=clock.now(),
        )
        return Response({**KeyOutput(made.detail).data, "key": made.key}, status=201)


class ApiKey(Endpoint):
    """DELETE /api/v1/api-keys/{id}."""

    scope = SESSION_ONLY

    def delete(self, request: Request, key_id: UUID) -> Response:
        """Revoke it: its next request is refused."""
        services.revoke_api_key(user_id=self.user_id, key_id=key_id, now=clock.now())
        return Response(status=204)
