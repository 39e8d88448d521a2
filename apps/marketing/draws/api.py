"""Drawing, a member's draws with the proofs of them, and the feed of winners."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.kernel import clock
from apps.kernel.api import CodeOutput, Endpoint, IdempotentPost, PageQuery, StrictSerializer, page_response, shown
from apps.marketing.campaigns.api import PublicEndpoint
from apps.marketing.draws import selectors, services
from apps.marketing.draws.contracts import DrawResult
from apps.marketing.odds.api import OddsOutput
from apps.marketing.odds.selectors import published_odds
from apps.marketing.prizes.contracts import DeliveryState
from apps.marketing.prizes.registries import PRIZES


class ListWinners(PublicEndpoint):
    """The newest wins of an activity."""

    unpaged_list = True

    class Output(serializers.Serializer[Any]):
        """One win; the name is masked."""

        member = serializers.CharField()
        title = serializers.CharField()
        won_at = serializers.DateTimeField()

    def get(self, request: Request, activity_id: UUID) -> Response:
        """Answer up to twenty wins, newest first."""
        return Response(self.Output(services.winners_of(activity_id=activity_id), many=True).data)


class ProofOutput(serializers.Serializer[Any]):
    """What recomputes a roll: docs/algorithms/draw.md says how."""

    version = serializers.UUIDField(source="version_id")
    server_seed = serializers.CharField()
    server_seed_hash = serializers.CharField()
    client_seed = serializers.CharField()
    nonce = serializers.IntegerField()
    roll = serializers.IntegerField()
    declared_total = serializers.IntegerField()


class PrizeOutput(serializers.Serializer[Any]):
    """What a draw won."""

    id = serializers.UUIDField(source="prize_id")
    title = serializers.CharField()
    kind = CodeOutput(PRIZES)
    amount = serializers.IntegerField()


class DrawOutput(serializers.Serializer[Any]):
    """One draw. `fallback_reason` is null unless the rolled prize was not to be had."""

    id = serializers.UUIDField()
    activity_id = serializers.UUIDField()
    prize = PrizeOutput(source="*")
    position = serializers.IntegerField()
    fallback_reason = serializers.SerializerMethodField()
    delivery_state = serializers.ChoiceField(choices=DeliveryState.choices)
    proof = ProofOutput()
    created_at = serializers.DateTimeField()

    def get_fallback_reason(self, draw: DrawResult) -> str | None:
        """The reason, or null."""
        return draw.fallback_reason or None


class DrawPrizes(IdempotentPost):
    """Draw once or ten times."""

    scope = "marketing"

    class Input(StrictSerializer):
        """`client_seed`: up to 64 letters, digits, - or _, mixed into the roll.

        `odds_version` is the version that the member was shown; another one by now is refused, never drawn by.
        """

        count = serializers.IntegerField(default=1)
        client_seed = serializers.CharField(default="", allow_blank=True, max_length=64)
        odds_version = serializers.UUIDField(required=False)

    class Output(serializers.Serializer[Any]):
        """The results in order, and the hash of the seed of the next request."""

        draws = DrawOutput(many=True)
        next_server_seed_hash = serializers.CharField(source="next_seed_hash")

    def post_once(self, request: Request, *, request_id: str, **url: Any) -> Response:
        """Draw."""
        asked = self.parse(request, self.Input)
        receipt = services.draw(
            user_id=self.user_id,
            activity_id=url["activity_id"],
            count=asked["count"],
            client_seed=asked["client_seed"],
            odds_version=asked.get("odds_version"),
            request_id=request_id,
            now=clock.now(),
        )
        return Response(shown(self.Output, receipt), status=201)


class ListDraws(Endpoint):
    """A member's draws, newest first."""

    scope = "marketing"
    Output = DrawOutput
    paged = True

    class Input(PageQuery):
        """`won=true` leaves out draws that won nothing."""

        won = serializers.BooleanField(default=False)

    def get(self, request: Request) -> Response:
        """Answer one page."""
        asked = self.parse(request, self.Input)
        page = selectors.draws_page(
            user_id=self.user_id, cursor=asked.get("cursor"), size=asked["size"], won_only=asked["won"]
        )
        return page_response(request, page, self.Output)


class ShowProof(Endpoint):
    """Everything that is needed to recompute one draw."""

    scope = "marketing"

    class Output(serializers.Serializer[Any]):
        """The draw with its seeds, and the odds that it was drawn by."""

        draw = DrawOutput()
        rolled_prize_id = serializers.UUIDField()
        algorithm = serializers.CharField()
        odds = OddsOutput()

    def get(self, request: Request, draw_id: UUID) -> Response:
        """Answer the proof to the member who drew."""
        draw = selectors.draw_of(user_id=self.user_id, draw_id=draw_id)
        odds = published_odds(version_id=draw.proof.version_id)
        return Response(
            self.Output(
                {
                    "draw": draw,
                    "rolled_prize_id": draw.rolled_prize_id,
                    "algorithm": "hmac-sha256-reject-64",
                    "odds": odds,
                }
            ).data
        )
