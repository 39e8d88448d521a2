"""Signing in for the day."""

from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.kernel import clock
from apps.kernel.api import IdempotentPost, StrictSerializer
from apps.marketing.earning import selectors, services


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
        """`offer` is the version of the reward that the member saw; another reward now is refused."""

        offer = serializers.CharField(required=False, max_length=32)

    class Output(serializers.Serializer[Any]):
        """What it gave, and the streak with today."""

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
        asked = self.parse(request, self.Input)
        receipt = services.sign_in(user_id=self.user_id, offer=asked.get("offer", ""), now=clock.now())
        return Response(self.Output(receipt).data)
