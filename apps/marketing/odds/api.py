"""Published odds, and the prizes on show."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.kernel.api import CodeOutput
from apps.marketing.campaigns.api import PublicEndpoint
from apps.marketing.odds import rules, selectors
from apps.marketing.odds.contracts import PublishedOdds
from apps.marketing.prizes.registries import PRIZES


class OddsPrizeOutput(serializers.Serializer[Any]):
    """One line of the odds: rolls from `first_roll` to `last_roll` win this prize."""

    id = serializers.UUIDField()
    position = serializers.IntegerField()
    title = serializers.CharField()
    kind = CodeOutput(PRIZES)
    amount = serializers.IntegerField()
    weight = serializers.IntegerField()
    percent = serializers.CharField()
    is_fallback = serializers.BooleanField()
    is_limited = serializers.BooleanField()
    first_roll = serializers.IntegerField()
    last_roll = serializers.IntegerField()


class OddsOutput(serializers.Serializer[Any]):
    """Published odds. `content` is the exact text whose SHA-256 is `content_hash`."""

    version = serializers.UUIDField(source="version_id")
    activity_id = serializers.UUIDField()
    number = serializers.IntegerField()
    declared_total = serializers.IntegerField()
    published_at = serializers.DateTimeField()
    content = serializers.CharField()
    content_hash = serializers.CharField()
    prizes = serializers.SerializerMethodField()

    @extend_schema_field(OddsPrizeOutput(many=True))
    def get_prizes(self, odds: PublishedOdds) -> list[dict[str, Any]]:
        """The lines in the order of the grid."""
        return list(OddsPrizeOutput(rules.odds_lines(odds), many=True).data)


class ListPrizes(PublicEndpoint):
    """The prizes of the nine-grid, with what is left of limited ones."""

    unpaged_list = True

    class Output(serializers.Serializer[Any]):
        """One prize; `stock_left` is null when it is not limited."""

        id = serializers.UUIDField()
        position = serializers.IntegerField()
        title = serializers.CharField()
        kind = CodeOutput(PRIZES)
        amount = serializers.IntegerField()
        stock_left = serializers.IntegerField(allow_null=True)

    def get(self, request: Request, activity_id: UUID) -> Response:
        """Answer the prizes by position."""
        return Response(self.Output(selectors.prizes_on_show(activity_id=activity_id), many=True).data)


class ShowCurrentOdds(PublicEndpoint):
    """The odds that an activity draws by now."""

    Output = OddsOutput

    def get(self, request: Request, activity_id: UUID) -> Response:
        """Answer the published version."""
        return Response(self.Output(selectors.current_odds(activity_id=activity_id)).data)


class ShowOdds(PublicEndpoint):
    """Any odds version that was ever published; past draws are checked against it."""

    Output = OddsOutput

    def get(self, request: Request, version_id: UUID) -> Response:
        """Answer the version."""
        return Response(self.Output(selectors.published_odds(version_id=version_id)).data)
