"""How an answer ended, and what it took, in OpenAI's words; why one did not come to its end."""

from functools import partial

from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.chat.api.compatible import refusals
from apps.chat.api.compatible.endpoints import identified
from apps.chat.api.compatible.refusals import DO_NOT_RETRY, Names, Refusal, named
from apps.chat.contracts import AnswerView, GenerationDetail, GenerationState
from apps.chat.rules import ANSWER_FILTERED, EMPTY_ANSWER, ENGINE_LOST, FILTERED, INTERNAL
from apps.chat.rules.own_keys import OWN_FAILURES
from apps.kernel.errors import DomainError
from apps.kernel.event_loops import act
from apps.kernel.insisting import insist

# The code of an answer that its owner, or whoever revoked its key, has stopped.
_STOPPED = "stopped"
# What is behind an answer of which nothing came, by its error code; every other one is the channel's: 502.
_STATUSES = {
    **dict.fromkeys(("context_too_long", "request_refused"), 400),
    INTERNAL: 500,
    _STOPPED: 409,
    **dict.fromkeys(("upstream_busy", "channel_unavailable", "nobody_answered", ENGINE_LOST), 503),
    # Of the asker's own key. Not 401: that is about the key with which the client asks us.
    **dict.fromkeys(
        ("own_key_refused", "own_key_arrears", "own_key_without_model", "own_key_address", "own_key_gone"), 403
    ),
    "own_key_busy": 429,
}
# Held back as a whole: that is an answer, and says so by its finish_reason.
_HELD_BACK = {ANSWER_FILTERED, "content_refused"}
LENGTH = "length"


def has_output(view: AnswerView) -> bool:
    """Whether any of it was kept."""
    return bool(view.text) or view.generation.is_delivered


def finish_reason(generation: GenerationDetail) -> str:
    """Why a settled answer ended where it did, in OpenAI's words; "" where it did not come to an end of its own."""
    if generation.error_code in _HELD_BACK or generation.finish_reason in FILTERED:
        return "content_filter"
    # Thoughts without a word are paid for, and no failure: asked again by itself, they would be paid for again.
    is_thought = generation.is_delivered and generation.error_code == EMPTY_ANSWER
    if generation.state is not GenerationState.FINISHED and not is_thought:
        return ""
    return LENGTH if generation.finish_reason == LENGTH else "stop"


async def why(request: HttpRequest, generation: GenerationDetail, *, has_output: bool, names: Names) -> Refusal | None:
    """failure(), but of an answer that was stopped because its key was revoked meanwhile, if it was."""
    if generation.state is GenerationState.STOPPED:
        try:
            await insist(partial(act, identified, request))
        except DomainError as error:
            return refusals.of(error)
    return failure(generation, has_output=has_output, names=names)


def failure(generation: GenerationDetail, *, has_output: bool, names: Names) -> Refusal | None:
    """Why a settled answer did not come to its end; None if it did. `has_output` says whether any of it was kept."""
    if finish_reason(generation):
        return None
    code = generation.error_code or _STOPPED
    status = _STATUSES.get(code, 502)
    # Asked for again by itself, what was stopped would not have been.
    headers = DO_NOT_RETRY if code == _STOPPED else {}
    if has_output:
        message = _("The answer broke off. What was written is kept.")
    elif code == "context_too_long":
        message = _(
            "This conversation has become too long for the model."
            " Nothing was charged; start a new chat or choose another model."
        )
    elif code in OWN_FAILURES:
        message = _(OWN_FAILURES[code])
    elif code == "request_refused":
        message = _("The provider of this model does not take the request as it is. Nothing was charged.")
    elif status == 503:
        message = _("The model is very busy. Nothing was charged; please try again in a moment.")
    else:
        message = _("No answer came. Nothing was charged.")
    beside = "" if has_output else _("One of the answers did not come. It was not charged; others were.")
    if code == "request_refused":
        param = named(generation.error_param, names)
        message = f"{param}: {message}" if param else message
        return Refusal(status=400, message=message, code=code, param=param or None, headers={}, beside_charged=beside)
    if status == 400:
        code, param = "context_length_exceeded", named("messages", names)
        return Refusal(status=400, message=message, code=code, param=param, headers={}, beside_charged=beside)
    return Refusal(status=status, message=message, code=code, headers=headers, beside_charged=beside)
