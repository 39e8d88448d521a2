"""What a refusal of ours is to a client of OpenAI's API: status, type, code, and whether another try makes sense."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from django.conf import settings
from django.http import HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _

from apps.accounts import errors as accounts
from apps.chat import errors
from apps.chat.rules.admission import Rate
from apps.kernel import openai_shape
from apps.kernel.errors import DomainError

# The official clients try every 429 again, unless they read this.
DO_NOT_RETRY = {"x-should-retry": "false"}
# Its status is a setting: OpenAI says 429, others 402, and clients tell the case by this type.
_NO_QUOTA = "insufficient_quota"
# What of a body is read by a model, unless its endpoint calls it otherwise.
_RATE, _TOO_OFTEN = "rate_limit_error", "rate_limit_exceeded"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How a refusal is said; what is not named here is as the refusal has it."""

    code: str = ""
    status: int = 0
    kind: str = ""
    param: str = ""
    is_final: bool = False
    # What a minute has too few of, as OpenAI's headers call it.
    counts: str = ""


# Types and codes as OpenAI has them, where it has one for the case: its clients tell cases apart by them.
_SHAPES: Mapping[type[DomainError], Shape] = {
    accounts.ApiKeyNotValid: Shape(code="invalid_api_key"),
    errors.ModelNotFound: Shape(param="model"),
    accounts.ModelNotAllowed: Shape(param="model"),
    errors.ModelNotEntitled: Shape(param="model"),
    errors.ModelWritesNoText: Shape(status=400, param="model"),
    errors.ModelEmbedsNothing: Shape(status=400, param="model"),
    errors.ModelDrawsNothing: Shape(status=400, param="model"),
    errors.SystemPromptRefused: Shape(param="messages"),
    errors.RequestNotValid: Shape(code="invalid_value", param="messages"),
    errors.ParameterMissing: Shape(code="missing_required_parameter"),
    errors.ParameterUnknown: Shape(code="unknown_parameter"),
    errors.ParameterNotValid: Shape(code="invalid_value"),
    errors.ParameterNotOffered: Shape(code="unsupported_parameter"),
    errors.TokensNotTaken: Shape(code="unsupported_value"),
    errors.ImagesNotUnderstood: Shape(status=400, code="unsupported_value", param="messages"),
    errors.TooManyPictures: Shape(param="messages"),
    errors.PicturesFull: Shape(status=400, param="messages"),
    errors.PicturesTakeTurns: Shape(kind=_RATE, code="concurrency"),
    errors.MessageEmpty: Shape(code="invalid_value", param="messages"),
    errors.MessageTooLong: Shape(code="context_length_exceeded", param="messages"),
    errors.RequestTooLong: Shape(code="context_length_exceeded", param="messages"),
    errors.WordsRefused: Shape(code="content_policy_violation", param="messages"),
    errors.QuotaExhausted: Shape(kind=_NO_QUOTA, code="credit_balance_exhausted", is_final=True),
    accounts.KeySpendCapReached: Shape(kind=_NO_QUOTA, code="project_spend_limit_exceeded", is_final=True),
    errors.AskedTooOften: Shape(kind=_RATE, code=_TOO_OFTEN, counts="requests"),
    errors.KeyAskedTooOften: Shape(kind=_RATE, code=_TOO_OFTEN, counts="requests"),
    errors.KeyTokensUsedUp: Shape(kind=_RATE, code=_TOO_OFTEN, counts="tokens"),
    errors.TooManyRunning: Shape(kind=_RATE, code="concurrency"),
    errors.TooManyAnswers: Shape(code="invalid_value", param="n"),
    errors.TooManyUnpaid: Shape(kind=_RATE, is_final=True),
}
_AS_IT_IS = Shape()


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An error as a client reads it."""

    status: int
    message: str
    code: str
    kind: str = ""
    param: str | None = None
    headers: Mapping[str, str]
    # In place of `message` where other answers to the same request were charged; "" where that makes no difference.
    beside_charged: str = ""

    def response(self) -> JsonResponse:
        """As an answer of its own."""
        return openai_shape.refusal(
            status=self.status,
            message=self.message,
            code=self.code,
            kind=self.kind,
            param=self.param,
            headers=self.headers,
        )

    def event(self) -> dict[str, object]:
        """As the last event of a stream."""
        kind = self.kind or openai_shape.type_of(self.status)
        return openai_shape.envelope(message=self.message, kind=kind, code=self.code, param=self.param)


# What an endpoint calls a parameter that has another name in chat completions.
Names = Mapping[str, str]
_SAME: Names = {}


def of(error: DomainError, names: Names = _SAME) -> Refusal:
    """A refusal, its message in the reader's language."""
    shape = next((_SHAPES[each] for each in type(error).__mro__ if each in _SHAPES), _AS_IT_IS)
    headers = dict(DO_NOT_RETRY) if shape.is_final else {}
    if (retry_after := error.context.get("retry_after")) is not None:
        headers["Retry-After"] = str(retry_after)
    if shape.counts:
        limit, left = error.context["limit"], error.context.get("remaining", 0)
        headers |= rate_headers(shape.counts, limit=limit, remaining=left, reset_seconds=retry_after)
    # A parameter that nobody knows is called what it was called.
    param = named(_param(error, shape), {} if isinstance(error, errors.ParameterUnknown) else names)
    message = _(error.title)
    status = settings.QUOTA_REFUSED_STATUS if shape.kind == _NO_QUOTA else shape.status
    return Refusal(
        status=status or error.kind.value,
        message=f"{param}: {message}" if param else message,
        code=shape.code or error.code,
        kind=shape.kind,
        param=param or None,
        headers=headers,
    )


def named(param: str, names: Names) -> str:
    """What an endpoint calls this place: of a parameter with another name, that name and no place in it."""
    return names.get(param.partition(".")[0], param)


def rate_headers(counts: str, *, limit: object, remaining: object, reset_seconds: object) -> dict[str, str]:
    """How much may be asked, by OpenAI's names; it counts "requests" or "tokens"."""
    return {
        f"x-ratelimit-limit-{counts}": str(limit),
        f"x-ratelimit-remaining-{counts}": str(remaining),
        f"x-ratelimit-reset-{counts}": f"{reset_seconds}s",
    }


def tell_rates(response: HttpResponseBase, **rates: Rate | None) -> None:
    """How much may still be asked, of "requests" and of "tokens", for whom anybody counts."""
    for counts, rate in rates.items():
        if rate is not None:
            for name, value in rate_headers(counts, **asdict(rate)).items():
                response.headers.setdefault(name, value)


def _param(error: DomainError, shape: Shape) -> str:
    """The member of the body that it is about, as exactly as it knows."""
    if param := error.context.get("param"):
        return str(param)
    at = error.context.get("at")
    return f"{shape.param}.{at}" if at else shape.param
