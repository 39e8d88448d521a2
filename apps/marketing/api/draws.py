"""A member's account in an activity, their draws, and the proofs of them."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.kernel import clock
from apps.kernel.api import Endpoint, IdempotentPost, PageQuery, StrictSerializer, page_response
from apps.marketing import selectors, services
from apps.marketing.api.activities import LimitsOutput, OddsOutput
from apps.marketing.contracts import ActivityAccount, DeliveryState, DrawResult, PrizeKind


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
    kind = serializers.ChoiceField(choices=PrizeKind.choices)
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


class ShowAccount(Endpoint):
    """One member in one activity, and the promise for their next draw."""

    scope = "marketing"

    class Output(serializers.Serializer[Any]):
        """Balances, what may still be drawn, and the hash of the seed that the next draw will use."""

        class Chances(serializers.Serializer[Any]):
            """Draws that chances and limits leave."""

            total = serializers.IntegerField(source="chances")
            today = serializers.IntegerField(source="left_today")
            month = serializers.IntegerField(source="left_month")

        class Used(serializers.Serializer[Any]):
            """Draws so far."""

            total = serializers.IntegerField(source="used_total")
            today = serializers.IntegerField(source="used_day")
            month = serializers.IntegerField(source="used_month")

        activity_id = serializers.UUIDField()
        points = serializers.IntegerField()
        quota_milli = serializers.IntegerField()
        chances = Chances(source="*")
        used = Used(source="*")
        limits = LimitsOutput()
        tiers = serializers.SerializerMethodField(help_text="Rewards for many draws; this activity kind has none.")
        pity = serializers.SerializerMethodField(help_text="Progress to a guaranteed prize; null where there is none.")
        signed_in_today = serializers.BooleanField()
        next_server_seed_hash = serializers.CharField(source="next_seed_hash")
        nonce = serializers.IntegerField()

        def get_tiers(self, account: ActivityAccount) -> list[dict[str, int]]:
            """Odds versions hold no tiers."""
            return []

        def get_pity(self, account: ActivityAccount) -> dict[str, int] | None:
            """Odds versions hold no pity counter."""
            return None

    def get(self, request: Request, activity_id: UUID) -> Response:
        """Answer the account."""
        account = services.account_of(user_id=self.user_id, activity_id=activity_id, now=clock.now())
        return Response(self.Output(account).data)


class DrawPrizes(IdempotentPost):
    """Draw once or ten times."""

    scope = "marketing"

    class Input(StrictSerializer):
        """`client_seed`: up to 64 letters, digits, - or _, mixed into the roll."""

        count = serializers.IntegerField(default=1)
        client_seed = serializers.CharField(default="", allow_blank=True, max_length=64)

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
            request_id=request_id,
            now=clock.now(),
        )
        return Response(self.Output(receipt).data, status=201)


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
        odds = selectors.published_odds(version_id=draw.proof.version_id)
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
