"""What a request costs this process in time of the processor: `DATABASE_URL=postgres://… python benchmarks/cpu.py`.

Makes a database of its own on that server, and asks Django's WSGI handler in this process, without a server: each kind
of request in turn, in many short rounds. Prints the median milliseconds of the processor per request, statements per
request, and how that compares to a bare view of Django REST framework in the same rounds: a token, one query, a
serializer, no middleware. `--profile NAME` prints instead where one of them spends its time.
"""

import cProfile
import gc
import hashlib
import json
import logging
import pstats
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import common  # noqa: E402  # after the path that it is on

PARSER = common.command_line(__doc__)
PARSER.add_argument("--profile", metavar="NAME", help="where one kind of request spends its time")
PARSER.add_argument("--lines", type=int, default=40)
WANTED = PARSER.parse_args()
common.use_own_stores("chatloop_benchmark_cpu")

import django  # noqa: E402  # after the settings that it reads

django.setup()

from django.conf import settings  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import RequestFactory  # noqa: E402
from django.test.utils import CaptureQueriesContext, override_settings  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import authentication, permissions, renderers, serializers  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from apps.accounts import services as accounts  # noqa: E402
from apps.accounts.contracts import SignInMethod  # noqa: E402
from apps.accounts.models import ApiKey  # noqa: E402
from apps.chat import services as chat  # noqa: E402
from apps.chat.contracts import GenerationState, Policy  # noqa: E402
from apps.chat.models import Generation  # noqa: E402
from apps.kernel import clock  # noqa: E402
from apps.kernel.ids import UserId  # noqa: E402
from apps.ledger.contracts import user_account  # noqa: E402
from apps.ledger.models import Account  # noqa: E402
from apps.marketing import services as marketing  # noqa: E402
from apps.marketing.contracts import POINTS, AdjustedAsset, AdjustmentRequest  # noqa: E402
from apps.marketing.models import Activity  # noqa: E402
from config import demo  # noqa: E402

ROUNDS, PER_ROUND, WARM_UP = 3 if WANTED.short else 25, 12, 30
PROFILED = 300
_MODEL = "demo-swift"

Ask = Callable[[], dict[str, Any]]


class Token(authentication.BaseAuthentication):
    """A token and whose it is, in one query: what DRF's own does."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The holder of the key."""
        key = request.headers["Authorization"].split()[1]
        row = ApiKey.objects.select_related("user").get(key_hash=hashlib.sha256(key.encode()).hexdigest())
        return row.user, row


class Bare(APIView):
    """One authenticated query and nothing else."""

    authentication_classes = (Token,)
    permission_classes = (permissions.IsAuthenticated,)
    renderer_classes = (renderers.JSONRenderer,)

    class Output(serializers.Serializer[Any]):
        """What the site's own view answers."""

        points = serializers.IntegerField()

    def get(self, request: Request) -> Response:
        """The balance."""
        assert request.user.pk is not None  # who has a token is somebody
        row = Account.objects.get(pk=user_account(UserId(request.user.pk), POINTS).id)
        return Response(self.Output({"points": row.balance - row.held}).data)


class BareRequest(WSGIRequest):
    """A request of the bare view, which no address of the site leads to."""

    urlconf: Any = (path("bare", Bare.as_view()),)


class BareHandler(WSGIHandler):
    """Django without middleware."""

    request_class = BareRequest


class Site:
    """A member with a key, a browser and enough of everything, and the requests that they send."""

    def __init__(self) -> None:
        now = clock.now()
        demo.load(now=now)
        limits = Policy(free_per_day=0, max_running=100, max_per_minute=30_000)
        chat.save_policy(policy=limits, now=now, reason="benchmark")
        self.user_id = accounts.register_member(openid="oBenchmark", now=now).id
        made = accounts.create_api_key(user_id=self.user_id, name="b", scopes=("chat", "marketing"), now=now)
        started = accounts.start_session(
            user_id=self.user_id, method=SignInMethod.CODE, old_key=None, address="127.0.0.1", user_agent="", now=now
        )
        self._activity_id = Activity.objects.get(code="welcome").pk
        Activity.objects.update(limit_day=None, limit_month=None)
        for asset, amount in (
            (AdjustedAsset.QUOTA, 10**9),
            (AdjustedAsset.POINTS, 1000),
            (AdjustedAsset.CHANCES, 100_000),
        ):
            self._give(asset, amount)
        self._key = {"HTTP_AUTHORIZATION": f"Bearer {made.key}"}
        self._cookie = {"HTTP_COOKIE": f"{settings.SESSION_COOKIE_NAME}={started.key}"}
        self._make = RequestFactory(SERVER_NAME="127.0.0.1")

    def requests(self) -> dict[str, Ask]:
        """How each kind of request is made."""
        return {
            "healthz": lambda: self._get("/healthz"),
            "points, key": lambda: self._get("/api/v1/points", **self._key),
            "points, session": lambda: self._get("/api/v1/points", **self._cookie),
            "message": self._message,
            "draw": lambda: self._post(f"/api/v1/activities/{self._activity_id}/draws", {"count": 1}),
        }

    def bare(self) -> dict[str, Any]:
        """The request for the bare view."""
        return self._get("/bare", **self._key)

    def _message(self) -> dict[str, Any]:
        now = clock.now()
        running = Generation.objects.filter(user_id=self.user_id, state=GenerationState.QUEUED)
        running.update(state=GenerationState.STOPPED, settled_at=now)
        talk = chat.create_conversation(user_id=self.user_id, now=now)
        url = f"/api/v1/chat/conversations/{talk.id}/messages"
        return self._post(url, {"content": "Good morning", "model": _MODEL, "client_id": str(uuid4())})

    def _get(self, url: str, **headers: str) -> dict[str, Any]:
        return {**self._make.get(url).environ, **headers}

    def _post(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        made = self._make.generic("POST", url, json.dumps(body), "application/json")
        return {**made.environ, **self._key, "HTTP_IDEMPOTENCY_KEY": str(uuid4())}

    def _give(self, asset: AdjustedAsset, amount: int) -> None:
        activity_id = self._activity_id if asset is AdjustedAsset.CHANCES else None
        request = AdjustmentRequest(
            user_id=self.user_id,
            asset=asset,
            amount=amount,
            activity_id=activity_id,
            incident="benchmark",
            request_id=f"benchmark-{asset}",
        )
        marketing.adjust(request=request, actor="system", reason="benchmark", now=clock.now())


class Kind:
    """One kind of request, and what it took this process."""

    def __init__(self, name: str, handler: WSGIHandler, ask: Ask) -> None:
        self.name, self._handler, self._ask = name, handler, ask
        self.rounds: list[float] = []  # milliseconds of the processor per request
        self.statements = 0

    def warm_up(self) -> None:
        """Ask until everything that is kept is kept, and count the statements of one request."""
        self.ask(WARM_UP)
        environ = self._ask()
        with CaptureQueriesContext(connection) as queries:
            self._answer(environ)
        self.statements = len(queries)

    def ask(self, times: int) -> float:
        """The seconds of the processor of so many requests; what they are made of is made before."""
        took = 0.0
        for _ in range(times):
            environ = self._ask()
            began = time.process_time()
            self._answer(environ)
            took += time.process_time() - began
        return took

    def profile(self) -> pstats.Stats:
        """Where the time of PROFILED requests goes."""
        profile = cProfile.Profile(time.process_time)
        for _ in range(PROFILED):
            environ = self._ask()
            profile.runcall(self._answer, environ)
        return pstats.Stats(profile)

    def _answer(self, environ: dict[str, Any]) -> None:
        answer: Any = self._handler(environ, lambda *_: lambda _: None)
        body = b"".join(answer)
        answer.close()
        if not 200 <= answer.status_code < 300:
            raise SystemExit(f"{self.name}: {answer.status_code} {body.decode()}")


def kinds() -> list[Kind]:
    """The bare view first, then the site's."""
    site = Site()
    with override_settings(MIDDLEWARE=[]):
        bare = Kind("bare view of DRF", BareHandler(), site.bare)
    handler = WSGIHandler()
    return [bare, *(Kind(name, handler, ask) for name, ask in site.requests().items())]


def main() -> None:
    """Measure and print."""
    # What they raise and what they write are no part of the figures.
    logging.disable(logging.INFO)
    with common.own_stores():
        found = kinds()
        for kind in found:
            kind.warm_up()
        gc.collect()
        gc.freeze()
        if WANTED.profile:
            next(kind for kind in found if kind.name == WANTED.profile).profile().sort_stats("tottime").print_stats(
                WANTED.lines
            )
            return
        for _ in range(ROUNDS):
            for kind in found:
                kind.rounds.append(kind.ask(PER_ROUND) / PER_ROUND * 1000)
    bare = statistics.median(found[0].rounds)
    print(common.machine())
    for kind in found:
        middle = statistics.median(kind.rounds)
        print(f"{kind.name:18} {middle:6.2f} ms, {kind.statements:2} statements, {bare / middle:4.0%} of the bare view")


if __name__ == "__main__":
    main()
