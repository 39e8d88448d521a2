"""A member's points."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.kernel.api import Endpoint, PageQuery, page_response, shown
from apps.marketing.points import services


class ShowPoints(Endpoint):
    """A member's points."""

    scope = "marketing"

    class Output(serializers.Serializer[Any]):
        """The balance."""

        points = serializers.IntegerField()

    def get(self, request: Request) -> Response:
        """Answer the balance."""
        return Response(shown(self.Output, {"points": services.points_of(user_id=self.user_id)}))


class ListPointsEntries(Endpoint):
    """A member's points movements, newest first."""

    scope = "marketing"
    paged = True

    class Output(serializers.Serializer[Any]):
        """One movement; `amount` is negative where points were spent."""

        id = serializers.UUIDField()
        amount = serializers.IntegerField()
        kind = serializers.CharField()
        balance_after = serializers.IntegerField()
        created_at = serializers.DateTimeField()

    def get(self, request: Request) -> Response:
        """Answer one page."""
        asked = self.parse(request, PageQuery)
        page = services.points_entries(user_id=self.user_id, cursor=asked.get("cursor"), size=asked["size"])
        return page_response(request, page, self.Output)
