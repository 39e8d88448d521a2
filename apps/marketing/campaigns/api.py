"""What everybody may see of an activity."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from apps.kernel.api import Endpoint
from apps.marketing.campaigns import selectors
from apps.marketing.campaigns.contracts import ActivityState


class LimitsOutput(serializers.Serializer[Any]):
    """How often a member may draw; null is no limit."""

    total = serializers.IntegerField(allow_null=True)
    day = serializers.IntegerField(allow_null=True)
    month = serializers.IntegerField(allow_null=True)


class ActivityOutput(serializers.Serializer[Any]):
    """An activity as everybody sees it."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    subtitle = serializers.CharField()
    state = serializers.ChoiceField(choices=ActivityState.choices)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    time_zone = serializers.CharField()
    limits = LimitsOutput()
    odds_version = serializers.UUIDField(source="odds_version_id", allow_null=True)


class PublicEndpoint(Endpoint):
    """Readable without signing in."""

    scope = "marketing"
    permission_classes = [AllowAny]


class ShowStage(PublicEndpoint):
    """The activity that a front-end place shows."""

    Output = ActivityOutput

    def get(self, request: Request, channel: str, source: str) -> Response:
        """Answer the activity."""
        return Response(self.Output(selectors.staged_activity(channel=channel, source=source)).data)


class ShowActivity(PublicEndpoint):
    """One activity."""

    Output = ActivityOutput

    def get(self, request: Request, activity_id: UUID) -> Response:
        """Answer the activity."""
        return Response(self.Output(selectors.visible_activity(activity_id=activity_id)).data)
