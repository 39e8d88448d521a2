"""Streams that are odd without being broken: the events of a good answer, changed as some provider does it."""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain
from typing import Any

from apps.sandbox.engine import completions

# Where something is put between the events: after the first words.
_PLACE = 3
_HUGE_CHARS = 8_000_000
_BOMB_BYTES = 50_000_000

Events = Iterable[bytes]


def change(model: str, events: Events) -> Events:
    """The events as the fault of this name sends them; all other names change nothing."""
    changed = _CHANGES.get(model)
    return changed(events) if changed else events


@cache
def bomb() -> bytes:
    """A small body that unfolds to a very long line."""
    return gzip.compress(b"data: " + b"x" * _BOMB_BYTES)


def until_end(events: Events) -> Iterator[bytes]:
    """The events up to the one with the finish_reason, and nothing behind it."""
    for event in events:
        yield event
        if _is_end(event):
            return


def _each(change_one: Callable[[dict[str, Any]], None]) -> Callable[[Events], Iterator[bytes]]:
    """A change of every event that has a choice, given that choice."""

    def change_all(events: Events) -> Iterator[bytes]:
        for event in events:
            chunk = _read(event)
            if not chunk.get("choices"):
                yield event
                continue
            change_one(chunk["choices"][0])
            yield completions.event(chunk)

    return change_all


def _between(*extra: bytes) -> Callable[[Events], Iterator[bytes]]:
    """The events with these among them."""

    def change_all(events: Events) -> Iterator[bytes]:
        for place, event in enumerate(events):
            if place == _PLACE:
                yield from extra
            yield event

    return change_all


def _text(content: str) -> bytes:
    """An event with this text, its characters beyond ASCII as they are."""
    return completions.event({"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}]})


def _list_content(choice: dict[str, Any]) -> None:
    if content := choice["delta"].get("content"):
        choice["delta"]["content"] = [{"type": "text", "text": content}]


def _refusal(choice: dict[str, Any]) -> None:
    choice["delta"]["refusal"] = choice["delta"].pop("content", None)


def _number_reason(choice: dict[str, Any]) -> None:
    choice["finish_reason"] = choice["finish_reason"] and 5


def _huge_delta(events: Events) -> Iterator[bytes]:
    return _between(_text("x" * _HUGE_CHARS))(events)


def _with_mark(events: Events) -> Iterator[bytes]:
    return chain([b"\xef\xbb\xbf"], events)


def _several_data_lines(events: Events) -> Iterator[bytes]:
    for event in events:
        lines = json.dumps(_read(event), ensure_ascii=False, indent=1).splitlines() if _read(event) else ["[DONE]"]
        yield "".join(f"data: {line}\n" for line in lines).encode() + b"\n"


def _cr_lines(events: Events) -> Iterator[bytes]:
    return (event.replace(b"\n", b"\r") for event in events)


def _crlf_lines(events: Events) -> Iterator[bytes]:
    return (event.replace(b"\n", b"\r\n") for event in events)


def _with_comments(events: Events) -> Iterator[bytes]:
    return (b": keep-alive\n\n" + event for event in events)


def _usage_twice(events: Events) -> Iterator[bytes]:
    """The usage in the chunk with the finish_reason, as Zhipu does, and once more behind it."""
    all_events = list(events)
    usage = next((_read(event)["usage"] for event in all_events if _read(event).get("usage")), None)
    for event in all_events:
        yield completions.event({**_read(event), "usage": usage}) if _is_end(event) else event


def _usage_first(events: Events) -> Iterator[bytes]:
    """The usage before the first word alone, as relays of Anthropic's answers do it."""
    all_events = list(events)
    usage = next((_read(event)["usage"] for event in all_events if _read(event).get("usage")), None)
    if usage is not None:
        yield completions.event({"choices": [], "usage": {**usage, "completion_tokens": 1}})
    yield from (event for event in all_events if not _read(event).get("usage"))


def _usage_zero(events: Events) -> Iterator[bytes]:
    """A usage with every event, and nothing in it, as LocalAI does it."""
    for event in events:
        chunk = _read(event)
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        yield completions.event({**chunk, "usage": usage}) if chunk else event


def _tools_whole(events: Events) -> Iterator[bytes]:
    """The calls at once, unnumbered, with arguments that are no text, and an end that does not tell of them."""
    calls: dict[int, dict[str, Any]] = {}
    for event in events:
        choice: dict[str, Any] = next(iter(_read(event).get("choices", [])), {})
        for piece in choice.get("delta", {}).get("tool_calls", []):
            if "id" in piece:
                calls[piece["index"]] = {**piece, "function": dict(piece["function"])}
            else:
                calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
        if choice.get("finish_reason") and calls:
            whole = [_unnumbered(call) for call in calls.values()]
            ending = {**choice, "delta": {"tool_calls": whole}, "finish_reason": "stop"}
            yield completions.event({**_read(event), "choices": [ending]})
        elif "tool_calls" not in choice.get("delta", {}):
            yield event


def _unnumbered(call: dict[str, Any]) -> dict[str, Any]:
    function = {**call["function"], "arguments": json.loads(call["function"]["arguments"])}
    return {"id": call["id"], "type": "function", "function": function}


def _tools_garbled(events: Events) -> Iterator[bytes]:
    """Before each piece of a call something that is none."""
    nothing = [None, 5, {"index": "x"}, {"function": 7}, {"index": 0, "id": 5, "function": {"arguments": []}}]
    garbled = {"choices": [{"index": 0, "delta": {"tool_calls": nothing}, "finish_reason": None}]}
    for event in events:
        if b'"tool_calls":[' in event:
            yield completions.event(garbled)
        yield event


def _without_end(events: Events) -> Iterator[bytes]:
    return (event for event in events if not _is_end(event))


def _is_end(event: bytes) -> bool:
    return any(choice.get("finish_reason") for choice in _read(event).get("choices", []))


def _read(event: bytes) -> dict[str, Any]:
    data = event.removeprefix(b"data: ").strip()
    chunk: dict[str, Any] = {} if data == b"[DONE]" else json.loads(data)
    return chunk


def _half(escape: str) -> bytes:
    return f'data: {{"choices":[{{"index":0,"delta":{{"content":"{escape}"}},"finish_reason":null}}]}}\n\n'.encode()


_CHANGES: dict[str, Callable[[Events], Iterator[bytes]]] = {
    "fault-bom": _with_mark,
    "fault-cr-lines": _cr_lines,
    "fault-crlf-lines": _crlf_lines,
    "fault-keepalive": _with_comments,
    "fault-usage_twice": _usage_twice,
    "fault-usage-first": _usage_first,
    "fault-usage-zero": _usage_zero,
    "fault-empty-delta": _between(
        *[completions.event({"choices": [{"index": 0, "delta": {}, "finish_reason": None}]})] * 3,
        completions.event({"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": None}]}),
    ),
    "fault-data-lines": _several_data_lines,
    "fault-separators": _between(_text("a\u2028b\u2029c\u0085d")),
    "fault-half-emoji": _between(_half("\\ud83d"), _half("\\ude00")),
    "fault-unreadable": _between(b"data: {no\n\n"),
    "fault-huge-delta": _huge_delta,
    "fault-list-content": _each(_list_content),
    "fault-refusal": _each(_refusal),
    "fault-number-reason": _each(_number_reason),
    "fault-done-no-reason": _without_end,
    "fault-tool-whole": _tools_whole,
    "fault-tool-garbled": _tools_garbled,
    "fault-heartbeats": until_end,
    "fault-silent-end": until_end,
    "fault-error-after-end": until_end,
}
