"""What can be switched around the phone: faults, and the kind of account. JSON, on loopback only."""

from dataclasses import asdict

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.kernel import clock
from apps.kernel.api import StrictSerializer
from apps.sandbox.api.base import LocalEndpoint
from apps.sandbox.rules.permissions import AccountKind
from apps.sandbox.services import account_type, faults


class Faults(LocalEndpoint):
    """GET · POST · DELETE /sandbox/faults"""

    class PostInput(StrictSerializer):
        """A fault to switch on, and how many times it strikes; without `times`, until it is switched off."""

        name = serializers.CharField(max_length=40)
        times = serializers.IntegerField(min_value=1, max_value=10_000, required=False)

    class DeleteInput(StrictSerializer):
        """A fault to switch off; without a name, all of them."""

        name = serializers.CharField(max_length=40, required=False)

    def get(self, request: Request) -> Response:
        """All faults, with those that are on marked."""
        return Response([asdict(each) for each in faults.list_faults()])

    def post(self, request: Request) -> Response:
        """Switch one on, or change how often it still strikes."""
        body = self.parse(request, self.PostInput)
        switched = faults.switch_on(name=body["name"], times=body.get("times"), now=clock.now())
        return Response(asdict(switched), status=201)

    def delete(self, request: Request) -> Response:
        """Switch one off, or all; the name stands in the query or in the body."""
        form = self.DeleteInput(data=request.query_params.dict() or request.data)
        form.is_valid(raise_exception=True)
        faults.switch_off(name=form.validated_data.get("name", ""))
        return Response(status=204)


class AccountType(LocalEndpoint):
    """GET · PUT /sandbox/account"""

    class Input(StrictSerializer):
        """The kind of account ours is to be."""

        kind = serializers.ChoiceField(choices=[kind.value for kind in AccountKind])
        is_verified = serializers.BooleanField()

    def get(self, request: Request) -> Response:
        """What kind of account ours is, and what it may call."""
        return Response(asdict(account_type.show()))

    def put(self, request: Request) -> Response:
        """Make it another kind."""
        body = self.parse(request, self.Input)
        changed = account_type.change(kind=body["kind"], is_verified=body["is_verified"], now=clock.now())
        return Response(asdict(changed))
