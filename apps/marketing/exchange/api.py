"""What points buy."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.kernel import clock
from apps.kernel.api import CodeOutput, Endpoint, IdempotentPost, StrictSerializer
from apps.marketing.exchange import selectors, services
from apps.marketing.exchange.registries import ITEMS


class ListExchangeItems(Endpoint):
    """What points buy."""

    scope = "marketing"
    unpaged_list = True

    class Output(serializers.Serializer[Any]):
        """One item: `amount` chances or milli-credits, `offer` its version; null stock or limit is unlimited."""

        id = serializers.UUIDField()
        title = serializers.CharField()
        kind = CodeOutput(ITEMS)
        amount = serializers.IntegerField()
        price_points = serializers.IntegerField()
        activity_id = serializers.UUIDField(allow_null=True)
        offer = serializers.CharField()
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

        `offer` and `expected_price` (points for one) are what the member saw; another offer is refused, never taken.
        """

        item_id = serializers.UUIDField()
        quantity = serializers.IntegerField(default=1)
        expected_price = serializers.IntegerField(required=False, min_value=1)
        offer = serializers.CharField(required=False, max_length=32)

    class Output(serializers.Serializer[Any]):
        """What was given and what it cost."""

        id = serializers.UUIDField()
        item_id = serializers.UUIDField()
        title = serializers.CharField()
        kind = CodeOutput(ITEMS)
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
            expected_price_points=asked.get("expected_price"),
            offer=asked.get("offer", ""),
            request_id=request_id,
            now=clock.now(),
        )
        return Response(self.Output(receipt).data, status=201)
