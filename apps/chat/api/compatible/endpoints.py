"""What every endpoint below /v1 shares: who asks, which methods there are, and the envelope whatever happens."""

import io
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import ParseError

from apps.accounts import services as accounts
from apps.accounts.contracts import IdentifiedKey
from apps.accounts.errors import ApiKeyNotValid
from apps.chat.api.compatible import refusals
from apps.chat.api.compatible.refusals import Names
from apps.chat.errors import BodyNotRead
from apps.kernel import clock, openai_shape, problem, visitors
from apps.kernel.credentials import bearer_token
from apps.kernel.errors import DomainError, ScopeMissing
from apps.kernel.parsers import StrictJSONParser

# What an API key needs here.
SCOPE = "chat"
View = Callable[..., HttpResponseBase]
AsyncView = Callable[..., Awaitable[HttpResponseBase]]

_HEADER_NAMES = re.compile(r"[A-Za-z0-9\-_, ]{1,1000}\Z")
# How long browsers may remember what they were allowed.
_ALLOWED_FOR = 86_400


def identified(request: HttpRequest) -> IdentifiedKey:
    """The key that asks. A session is none: pages of other origins may ask here.

    Raises ApiKeyNotValid (also for none at all), NetworkNotAllowed, ScopeMissing.
    """
    token = bearer_token(request.headers.get("Authorization"))
    if token is None:
        raise ApiKeyNotValid
    key = accounts.identify_key(key=token, address=visitors.address_of(request), now=clock.now())
    if SCOPE not in key.scopes:
        raise ScopeMissing(scope=SCOPE)
    return key


def body_of(request: HttpRequest) -> Any:
    """The JSON of a request, which may hold pictures: longer than Django takes by itself.

    Raises BodyNotRead, RequestDataTooBig.
    """
    limit = settings.LARGER_BODIES.get(request.path, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    body = request.read(limit + 1)
    if len(body) > limit:
        raise RequestDataTooBig
    try:
        return StrictJSONParser().parse(io.BytesIO(body))
    except ParseError as error:
        raise BodyNotRead from error


def endpoint(*methods: str) -> Callable[[View], View]:
    """Make an endpoint of a synchronous view."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, **url: Any) -> HttpResponseBase:
            begun = monotonic()
            try:
                response = _beside(request, methods) or view(request, **url)
            except (DomainError, Error) as error:
                response = _refused(error)
            return _finished(response, begun)

        return csrf_exempt(answer)

    return decorate


def async_endpoint(*methods: str, names: Names | None = None) -> Callable[[AsyncView], Callable[..., Any]]:
    """Make an endpoint of a coroutine, which is served without a thread. `names` are its own for parameters."""

    def decorate(view: AsyncView) -> Callable[..., Any]:
        @wraps(view)
        async def answer(request: HttpRequest, **url: Any) -> HttpResponseBase:
            begun = monotonic()
            try:
                response = _beside(request, methods) or await view(request, **url)
            except (DomainError, Error) as error:
                response = _refused(error, names or {})
            return _finished(response, begun)

        return csrf_exempt(answer)

    return decorate


@endpoint()
def unknown(request: HttpRequest) -> HttpResponseBase:
    """Whatever else is asked for below /v1, by OpenAI's own code: clients tell it from a model that there is not."""
    return openai_shape.refusal(status=404, message=problem.title_of("not_found"), code="unknown_url")


def _beside(request: HttpRequest, methods: Sequence[str]) -> HttpResponseBase | None:
    """What needs no key: a browser that asks what it may send, and a method that is none; else None."""
    if request.method == "OPTIONS":
        wanted = request.headers.get("Access-Control-Request-Headers", "")
        return HttpResponse(
            status=204,
            headers={
                "Access-Control-Allow-Methods": ", ".join([*methods, "OPTIONS"]),
                "Access-Control-Allow-Headers": wanted
                if _HEADER_NAMES.match(wanted)
                else "Authorization, Content-Type",
                "Access-Control-Max-Age": str(_ALLOWED_FOR),
            },
        )
    if methods and request.method not in methods:
        response = problem.unspoken(request, status=405, code="method_not_allowed")
        response.headers["Allow"] = ", ".join([*methods, "OPTIONS"])
        return response
    return None


def _refused(error: Exception, names: Names | None = None) -> HttpResponseBase:
    refusal = problem.as_refusal(error)
    if not isinstance(refusal, DomainError):
        raise error
    return refusals.of(refusal, names or {}).response()


def _finished(response: HttpResponseBase, begun: float) -> HttpResponseBase:
    openai_shape.dress(response)
    response.headers["openai-processing-ms"] = str(round((monotonic() - begun) * 1000))
    return response
