"""Points: how they are earned by signing in, what they are, what they buy; and the balances of the page header."""

from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.kernel import clock
from apps.kernel.api import Endpoint, IdempotentPost, PageQuery, StrictSerializer, page_response
from apps.marketing import selectors, services
from apps.marketing.contracts import ItemKind


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


class SignIn(IdempotentPost):
    """Sign in for today; look at a month."""

    scope = "marketing"
    created_status = 200

    class GetInput(StrictSerializer):
        """`month` is YYYY-MM; without it, the present month."""

        month = serializers.CharField(required=False)

    class GetOutput(serializers.Serializer[Any]):
        """The days of the month that were signed in, and the streak that is alive today."""

        month = serializers.CharField()
        days = serializers.ListField(child=serializers.DateField())
        today = serializers.DateField()
        signed_in_today = serializers.BooleanField()
        streak = serializers.IntegerField()

    class Input(StrictSerializer):
        """Nothing is asked."""

    class Output(serializers.Serializer[Any]):
        """What is on its way, and the streak with today."""

        local_day = serializers.DateField()
        streak = serializers.IntegerField()
        points = serializers.IntegerField()
        chances = serializers.IntegerField()

    def get(self, request: Request) -> Response:
        """Answer the calendar."""
        today = clock.local_date(clock.now(), settings.TIME_ZONE)
        month = self.parse(request, self.GetInput).get("month") or today.strftime("%Y-%m")
        calendar = selectors.sign_in_month(user_id=self.user_id, month=month, today=today)
        return Response(self.GetOutput(calendar).data)

    def post_once(self, request: Request, *, request_id: str, **url: Any) -> Response:
        """Sign in."""
        self.parse(request, self.Input)
        receipt = services.sign_in(user_id=self.user_id, now=clock.now())
        return Response(self.Output(receipt).data)


class ShowPoints(Endpoint):
    """A member's points."""

    scope = "marketing"

    class Output(serializers.Serializer[Any]):
        """The balance."""

        points = serializers.IntegerField()

    def get(self, request: Request) -> Response:
        """Answer the balance."""
        return Response(self.Output({"points": services.points_of(user_id=self.user_id)}).data)


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


class ListExchangeItems(Endpoint):
    """What points buy."""

    scope = "marketing"
    unpaged_list = True

    class Output(serializers.Serializer[Any]):
        """One item: `amount` chances or milli-credits; null stock or limit is unlimited."""

        id = serializers.UUIDField()
        title = serializers.CharField()
        kind = serializers.ChoiceField(choices=ItemKind.choices)
        amount = serializers.IntegerField()
        price_points = serializers.IntegerField()
        activity_id = serializers.UUIDField(allow_null=True)
        stock_left = serializers.IntegerField(allow_null=True)
        left_for_member = serializers.IntegerField(allow_null=True)

    def get(self, request: Request) -> Response:
        """Answer the items, cheapest first."""
        return Response(self.Output(selectors.exchange_offers(user_id=self.user_id, now=clock.now()), many=True).data)


class PlaceExchangeOrder(IdempotentPost):
    """Buy with points."""

    scope = "marketing"

    class Input(StrictSerializer):
        """Which item, and how many of it (1 to 99).

        `expected_price` is the price that the member saw, in points for one; another one now is refused, never taken.
        """

        item_id = serializers.UUIDField()
        quantity = serializers.IntegerField(default=1)
        expected_price = serializers.IntegerField(required=False, min_value=1)

    class Output(serializers.Serializer[Any]):
        """What was given and what it cost."""

        id = serializers.UUIDField()
        item_id = serializers.UUIDField()
        title = serializers.CharField()
        kind = serializers.ChoiceField(choices=ItemKind.choices)
        amount = serializers.IntegerField()
        quantity = serializers.IntegerField()
        points_paid = serializers.IntegerField()
        created_at = serializers.DateTimeField()

    def post_once(self, request: Request, *, request_id: str, **url: Any) -> Response:
        """Exchange."""
        asked = self.parse(request, self.Input)
        receipt = services.exchange(
            user_id=self.user_id,
            item_id=asked["item_id"],
            quantity=asked["quantity"],
            expected_price=asked.get("expected_price"),
            request_id=request_id,
            now=clock.now(),
        )
        return Response(self.Output(receipt).data, status=201)
