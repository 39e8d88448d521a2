"""The JSON API of orders."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from apps.kernel import clock
from apps.kernel.api import Endpoint, IdempotentPost, PageQuery, StrictSerializer, page_response
from apps.orders import selectors, services
from apps.orders.contracts import OrderState


class Pay(serializers.Serializer[Any]):
    """How to pay: "qr" is a text to show as a QR code."""

    kind = serializers.ChoiceField(choices=["qr"])
    content = serializers.CharField()


class Step(serializers.Serializer[Any]):
    """One change of state."""

    before = serializers.CharField()
    after = serializers.ChoiceField(choices=OrderState.choices)
    at = serializers.DateTimeField()


class OrderOutput(serializers.Serializer[Any]):
    """An order; `pay` is there while it can be paid."""

    id = serializers.UUIDField()
    product_id = serializers.UUIDField()
    gateway = serializers.CharField()
    state = serializers.ChoiceField(choices=OrderState.choices)
    title = serializers.CharField()
    amount_fen = serializers.IntegerField()
    quota_milli = serializers.IntegerField()
    entitlements = serializers.ListField(child=serializers.CharField())
    pay = Pay(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)


class OrderWithSteps(OrderOutput):
    """An order and how it came to where it is, oldest first."""

    steps = Step(many=True)


class Products(Endpoint):
    """GET /api/v1/products: what is on sale; prices are public."""

    scope = "account"
    permission_classes = (AllowAny,)
    unpaged_list = True

    class Output(serializers.Serializer[Any]):
        """A product; amounts in fen, quota in thousandths of a credit; `offer` is the version of all that."""

        id = serializers.UUIDField()
        code = serializers.CharField()
        title = serializers.CharField()
        subtitle = serializers.CharField()
        badge = serializers.CharField()
        amount_fen = serializers.IntegerField()
        quota_milli = serializers.IntegerField()
        entitlements = serializers.ListField(child=serializers.CharField())
        offer = serializers.CharField()

    def get(self, request: Request) -> Response:
        """All products on sale, in shop order."""
        return Response(self.Output(selectors.products_on_sale(), many=True).data)


class Orders(IdempotentPost):
    """GET and POST /api/v1/orders"""

    scope = "account"
    paged = True

    class Input(StrictSerializer):
        """`offer` and `expected_amount_fen` are what the buyer saw; another offer now is refused, never charged."""

        product_id = serializers.UUIDField()
        gateway = serializers.CharField(max_length=16)
        expected_amount_fen = serializers.IntegerField(min_value=1)
        offer = serializers.CharField(required=False, max_length=32)

    Output = OrderOutput
    PostOutput = OrderWithSteps

    def get(self, request: Request) -> Response:
        """My orders, newest first."""
        query = self.parse(request, PageQuery)
        page = selectors.page_of_orders(user_id=self.user_id, cursor=query.get("cursor"), size=query["size"])
        return page_response(request, page, self.Output)

    def post_once(self, request: Request, *, request_id: str, **url: Any) -> Response:
        """Order a product and get the code to pay it with."""
        body = self.parse(request, self.Input)
        order = services.place_order(user_id=self.user_id, request_id=request_id, now=clock.now(), **body)
        return Response(self.PostOutput(order).data, status=201)


class OneOrder(Endpoint):
    """GET /api/v1/orders/{order_id}"""

    scope = "account"
    Output = OrderWithSteps

    def get(self, request: Request, order_id: UUID) -> Response:
        """One of my orders."""
        return Response(self.Output(selectors.find_order(user_id=self.user_id, order_id=order_id)).data)


class CheckOrder(Endpoint):
    """POST /api/v1/orders/{order_id}/check"""

    scope = "account"
    Output = OrderWithSteps

    def post(self, request: Request, order_id: UUID) -> Response:
        """Ask the payment provider now, instead of waiting for its notification."""
        order = services.check_order(user_id=self.user_id, order_id=order_id, now=clock.now())
        return Response(self.Output(order).data)


class CancelOrder(Endpoint):
    """POST /api/v1/orders/{order_id}/cancel"""

    scope = "account"
    Output = OrderWithSteps

    def post(self, request: Request, order_id: UUID) -> Response:
        """Give up an unpaid order. If it turns out to be paid it is delivered, and the answer says so."""
        order = services.cancel_order(user_id=self.user_id, order_id=order_id, now=clock.now())
        return Response(self.Output(order).data)
