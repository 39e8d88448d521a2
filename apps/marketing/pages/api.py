"""A member's account in an activity, and the balances of the page header."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.kernel import clock
from apps.kernel.api import Endpoint
from apps.marketing.campaigns.api import LimitsOutput
from apps.marketing.pages import services
from apps.marketing.pages.contracts import ActivityAccount


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
        limit_reached = serializers.CharField(
            help_text="The limit that leaves no draw whatever the chances: day, month or total; empty for none."
        )
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


class ShowBalances(Endpoint):
    """The numbers of the page header."""

    scope = "marketing"

    class Output(serializers.Serializer[Any]):
        """Chances are those of the activity on the home stage; without one `activity_id` is null."""

        quota_milli = serializers.IntegerField()
        free_left = serializers.IntegerField()
        points = serializers.IntegerField()
        chances = serializers.IntegerField()
        activity_id = serializers.UUIDField(allow_null=True)

    def get(self, request: Request) -> Response:
        """Answer the balances."""
        return Response(self.Output(services.balances_of(user_id=self.user_id, now=clock.now())).data)
