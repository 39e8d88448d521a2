"""What the phone page does, for programs: JSON without a password, on loopback only."""

from dataclasses import asdict

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.kernel import clock
from apps.sandbox.api.base import Content, Empty, LocalEndpoint, Nickname
from apps.sandbox.contracts import ScannedLogin
from apps.sandbox.services import notifications, phone


class Phones(LocalEndpoint):
    """GET · POST /sandbox/phone/"""

    def get(self, request: Request) -> Response:
        """All phones."""
        return Response([asdict(each) for each in phone.list_phones()])

    def post(self, request: Request) -> Response:
        """A new phone."""
        made = phone.create_phone(nickname=self.parse(request, Nickname)["nickname"], now=clock.now())
        return Response(asdict(made), status=201)


class Screen(LocalEndpoint):
    """GET · PATCH /sandbox/phone/{openid}"""

    def get(self, request: Request, openid: str) -> Response:
        """Everything that the phone shows."""
        return Response(asdict(phone.show_screen(openid=openid, now=clock.now())))

    def patch(self, request: Request, openid: str) -> Response:
        """Another nickname."""
        nickname = self.parse(request, Nickname)["nickname"]
        return Response(asdict(phone.rename_phone(openid=openid, nickname=nickname, now=clock.now())))


class Follow(LocalEndpoint):
    """POST /sandbox/phone/{openid}/follow"""

    def post(self, request: Request, openid: str) -> Response:
        """Follow the account."""
        self.parse(request, Empty)
        return Response(asdict(phone.follow(openid=openid, now=clock.now())))


class Unfollow(LocalEndpoint):
    """POST /sandbox/phone/{openid}/unfollow"""

    def post(self, request: Request, openid: str) -> Response:
        """Unfollow the account."""
        self.parse(request, Empty)
        return Response(asdict(phone.unfollow(openid=openid, now=clock.now())))


class Text(LocalEndpoint):
    """POST /sandbox/phone/{openid}/text"""

    def post(self, request: Request, openid: str) -> Response:
        """Send the account a text."""
        content = self.parse(request, Content)["content"]
        return Response(asdict(phone.text(openid=openid, content=content, now=clock.now())))


class Scan(LocalEndpoint):
    """POST /sandbox/phone/{openid}/scan"""

    def post(self, request: Request, openid: str) -> Response:
        """Scan a login code or a payment code."""
        content = self.parse(request, Content)["content"]
        shown = phone.scan(openid=openid, content=content, now=clock.now())
        kind = "login" if isinstance(shown, ScannedLogin) else "payment"
        return Response({"kind": kind, **asdict(shown)})


class Confirm(LocalEndpoint):
    """POST /sandbox/phone/{openid}/confirm"""

    class Input(Content):
        """What the login code holds, and which of the two buttons is pressed."""

        answer = serializers.ChoiceField(choices=["confirm", "refuse"], default="confirm")
        # What the sign-in page shows; without it the phone finds it where only a sandbox can look.
        number = serializers.CharField(max_length=2, default="", allow_blank=True)

    def post(self, request: Request, openid: str) -> Response:
        """Confirm a scanned login, or refuse it."""
        body = self.parse(request, self.Input)
        return Response(asdict(phone.confirm(openid=openid, now=clock.now(), **body)))


class Pay(LocalEndpoint):
    """POST /sandbox/phone/{openid}/pay"""

    class Input(Content):
        """How the payment ends and what the merchant hears of it."""

        outcome = serializers.ChoiceField(choices=["success", "fail", "cancel"], default="success")
        notify = serializers.ChoiceField(choices=list(notifications.WAYS), default="normal")
        times = serializers.IntegerField(min_value=1, max_value=100, required=False)

    def post(self, request: Request, openid: str) -> Response:
        """Pay, fail to pay or cancel."""
        body = self.parse(request, self.Input)
        state = phone.pay(openid=openid, now=clock.now(), **body)
        return Response({"state": state})
