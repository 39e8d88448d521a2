"""What one event of an answer says, read without trusting a byte of it."""

import re
from collections.abc import Sequence
from typing import Any

from apps.chat.engine import documents
from apps.chat.engine.documents import Unreadable
from apps.chat.engine.tool_calls import as_text
from apps.chat.engine.upstream_errors import Complaint
from apps.chat.registries import CallPiece, Delta
from apps.chat.rules.requests import MAX_CALLS

_REASON = re.compile(r"[A-Za-z0-9_.-]{1,40}\Z")
# What some write while there is none.
_NO_REASON = {"", "null", "none"}
# The words of other protocols, which relays pass on as they come: Gemini's, Anthropic's, Mistral's.
_REASONS = {
    "end_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_length": "length",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
}
# Parts of a content, and how deep in them a thought is looked for.
_THOUGHTS = ("thinking", "reasoning")
_PLACES_OF_THOUGHTS = {"reasoning_content", "reasoning", "thinking", "reasoning_details"}
_MAX_DEPTH = 4
_NOTHING = Delta()


class Pieces:
    """The events of one answer, in their order; those who asked find how likely its tokens were in `logprobs`."""

    def __init__(self, *, with_logprobs: bool = False) -> None:
        self._have_come = False
        self._next = self._with_logprobs if with_logprobs else self._plain
        self.logprobs: list[Any] = []

    def read(self, data: str) -> Delta:
        """The delta in an event.

        Raises Unreadable, and UpstreamError when it is a provider's error.
        """
        return documents.read(data, self._next)

    def _with_logprobs(self, chunk: Any) -> Delta:
        delta = self._plain(chunk)
        self.logprobs += _logprobs(_choice_in(chunk))
        return delta

    def _plain(self, chunk: Any) -> Delta:
        choice = _choice_in(chunk)
        piece = _object(choice.get("delta"))
        # Some send a message in place of each delta; others one behind them, which says all of it again.
        said = piece or ({} if self._have_come else _object(choice.get("message")))
        delta = _delta(chunk, choice, said)
        self._have_come = self._have_come or bool(piece and delta.has_words)
        return delta


def joined(told: Sequence[Delta]) -> Delta:
    """Several deltas of an answer, in their order, as one: of the finish reasons and the usages the last ones.

    A usage with words behind it is none: it was told before they were counted.
    """
    if len(told) == 1:
        return told[0]
    last = next((delta for delta in reversed(told) if delta.is_told or delta.has_words), _NOTHING)
    usage = last if last.is_told else _NOTHING
    # Not _replace(), which takes longer than all the rest: this is done for every few words.
    return Delta(
        text="".join([delta.text for delta in told]),
        reasoning="".join([delta.reasoning for delta in told]),
        finish_reason=next((delta.finish_reason for delta in reversed(told) if delta.finish_reason), ""),
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        events=len(told),
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        usage_is_garbled=usage.usage_is_garbled,
        calls=tuple([call for delta in told if delta.calls for call in delta.calls]),
    )


def read_whole(data: bytes, *, with_logprobs: bool = False) -> Delta:
    """The answer in a document that is no stream.

    Raises Unreadable, and UpstreamError when it is a provider's error, with or without the envelope.
    """
    return documents.read(data, _answer_with_logprobs if with_logprobs else _answer_in)


def _answer_with_logprobs(document: Any) -> Delta:
    return _answer_in(document)._replace(logprobs=tuple(_logprobs(_choice_in(document))))


def _answer_in(document: Any) -> Delta:
    if isinstance(document, dict) and not document.get("choices") and not document.get("error"):
        raise Complaint.read({"error": document}).as_error()
    choice = _choice_in(document)
    return _delta(document, choice, _object(choice.get("message")) or _object(choice.get("delta")))


def _choice_in(chunk: Any) -> dict[str, Any]:
    if not isinstance(chunk, dict):
        raise Unreadable
    if chunk.get("error"):
        raise Complaint.read(chunk).as_error()
    choice = _first(chunk.get("choices"))
    if choice.get("error"):
        raise Complaint.read(choice).as_error()
    return choice


def _delta(chunk: dict[str, Any], choice: dict[str, Any], said: dict[str, Any]) -> Delta:
    text = said.get("content")
    if not isinstance(text, str) or "refusal" in said:
        text = _text(text) + _text(said.get("refusal"))
    reason = _reason(choice.get("finish_reason"))
    # Some count in the choice.
    usage = _object(chunk.get("usage")) or _object(choice.get("usage"))
    counts = _usage(usage) if usage else {}
    if "tool_calls" in said or "function_call" in said:
        return Delta(text, _thought(said), reason, calls=_calls(said), **counts)
    return Delta(text, _thought(said), reason, **counts) if counts else Delta(text, _thought(said), reason)


def _logprobs(choice: dict[str, Any]) -> list[Any]:
    content = _object(choice.get("logprobs")).get("content")
    return content if isinstance(content, list) else []


def _calls(said: dict[str, Any]) -> tuple[CallPiece, ...]:
    """The pieces of calls in an event; what is none is not heard."""
    calls = said.get("tool_calls")
    if not isinstance(calls, list) or not calls:
        calls = [{"index": 0, "function": said.get("function_call")}]
    return tuple(
        _call(call)
        for call in calls[: MAX_CALLS + 1]
        if isinstance(call, dict) and isinstance(call.get("function"), dict)
    )


def _call(call: dict[str, Any]) -> CallPiece:
    function, number = call["function"], _count(call.get("index"))
    return CallPiece(number, _string(call.get("id")), _string(function.get("name")), as_text(function.get("arguments")))


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _usage(usage: dict[str, Any]) -> dict[str, Any]:
    """What was counted, by the names that a delta has for it."""
    details = _object(usage.get("prompt_tokens_details"))
    # DeepSeek's word, OpenAI's, Moonshot's; some name one of them and leave it empty.
    cached = usage.get("prompt_cache_hit_tokens"), details.get("cached_tokens"), usage.get("cached_tokens")
    said = {
        "prompt_tokens": usage.get("prompt_tokens"),
        "completion_tokens": usage.get("completion_tokens"),
        "cached_tokens": next((count for count in cached if count is not None), None),
        "reasoning_tokens": _object(usage.get("completion_tokens_details")).get("reasoning_tokens"),
    }
    counts = {name: _count(value) for name, value in said.items()}
    return {**counts, "usage_is_garbled": any(said[name] is not None and counts[name] is None for name in said)}


def _first(choices: object) -> dict[str, Any]:
    if not choices:
        return {}
    if not isinstance(choices, list) or not isinstance(choices[0], dict):
        raise Unreadable
    return choices[0]


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """A text, or a list of parts of which some are texts."""
    if isinstance(value, list):
        texts = [part.get("text") for part in value if isinstance(part, dict) and part.get("type") not in _THOUGHTS]
        return "".join(text for text in texts if isinstance(text, str))
    return value if isinstance(value, str) else ""


def _thought(said: dict[str, Any]) -> str:
    """What it thinks, from the first place of those that providers have for it: some use two for the same."""
    content = said.get("content")
    if not isinstance(content, list) and _PLACES_OF_THOUGHTS.isdisjoint(said):
        return ""
    parts = content if isinstance(content, list) else []
    return (
        _words(said.get("reasoning_content"))
        or _words(said.get("reasoning"))
        or _words(said.get("thinking"))
        or _words([part for part in parts if isinstance(part, dict) and part.get("type") in _THOUGHTS])
        or _words(said.get("reasoning_details"))
    )


def _words(value: object, depth: int = _MAX_DEPTH) -> str:
    """The texts in a value, however it is built, down to a depth."""
    if isinstance(value, str):
        return value
    if depth and isinstance(value, list):
        return "".join(_words(part, depth - 1) for part in value)
    if depth and isinstance(value, dict):
        return next(
            (words for name in ("text", "summary", *_THOUGHTS) if (words := _words(value.get(name), depth - 1))), ""
        )
    return ""


def _reason(value: object) -> str:
    """A provider's word for the end, in OpenAI's where it has one; an end in other than a word is one too."""
    if not isinstance(value, str) or value.lower() in _NO_REASON:
        return ""
    return _REASONS.get(value.lower(), value.lower()) if _REASON.match(value) else "unknown"


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
