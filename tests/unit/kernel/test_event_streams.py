"""How an event is written, and who gets a place."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.test import RequestFactory

from apps.kernel import event_streams
from apps.kernel.errors import TooManyReaders
from apps.kernel.event_streams import QUIET, Places, event, last_event_id, response


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\r", "\n", "\x0b", "\x1c", "\x00", "\u00e9", "🎉"])
def test_an_event_keeps_its_lines_whatever_its_text(character: str) -> None:
    written = event("delta", {"text": f"a{character}b"}, event_id=3).decode()

    head, data = written.removesuffix("\n\n").split("data: ")
    assert head == "id: 3\nevent: delta\n"
    assert data.splitlines() == [data]
    assert json.loads(data) == {"text": f"a{character}b"}


def test_half_an_emoji_does_not_end_the_stream() -> None:
    assert b'"a?"' in event("delta", {"text": "a\ud83c"})


def test_a_holder_gets_so_many_places_and_gets_them_back() -> None:
    places = Places(per_holder=2)
    first, _second = places.take("a"), places.take("a")
    with pytest.raises(TooManyReaders) as refusal:
        places.take("a")
    assert refusal.value.context == {"limit": 2, "retry_after": 5}
    places.take("b")

    first.leave()
    first.leave()

    places.take("a")


def test_a_place_that_nobody_holds_is_free() -> None:
    places = Places(per_holder=1)
    place = places.take("a")

    del place
    gc.collect()

    places.take("a")


async def quiet_between() -> AsyncIterator[bytes]:
    yield b"first"
    yield QUIET
    yield b"last"


async def sent(answer: Any) -> list[bytes]:
    return [part async for part in answer.streaming_content]


@pytest.mark.parametrize(("seconds", "between"), [(0.0, [b": keep-alive\n\n"]), (60.0, [])])
async def test_a_stream_says_that_it_lives_when_it_was_quiet_long_enough(
    seconds: float, between: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streams, "_HEARTBEAT_SECONDS", seconds)

    assert await sent(response(quiet_between())) == [b"first", *between, b"last"]


async def test_a_stream_says_that_it_lives_while_its_next_event_is_being_made(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"first"
        await heard.wait()
        yield b"last"

    monkeypatch.setattr(event_streams, "_HEARTBEAT_SECONDS", 0.01)
    parts = []
    async for part in response(slow()).streaming_content:  # type: ignore[union-attr]  # an asynchronous one
        parts.append(part)
        if part == b": keep-alive\n\n":
            heard.set()

    assert (parts[0], parts[-1]) == (b"first", b"last")
    assert set(parts[1:-1]) == {b": keep-alive\n\n"}


async def test_a_reader_who_leaves_while_an_event_is_being_made_ends_its_making() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        try:
            begun.set()
            await asyncio.Event().wait()
            yield b"never"
        finally:
            ended.set()

    places = Places(per_holder=1)
    reading = asyncio.create_task(sent(response(slow(), place := places.take("a"))))
    await begun.wait()

    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert ended.is_set()
    places.take("a")
    assert place.holder == "a"


async def test_the_end_of_a_stream_gives_its_places_back() -> None:
    places = Places(per_holder=1)
    answer = response(quiet_between(), place := places.take("a"))
    with pytest.raises(TooManyReaders):
        places.take("a")

    await sent(answer)

    places.take("a")
    assert place.holder == "a"


async def test_a_stream_that_breaks_gives_them_back_too() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"first"
        raise LookupError

    places = Places(per_holder=1)
    answer = response(broken(), place := places.take("a"))

    with pytest.raises(LookupError):
        await sent(answer)

    places.take("a")
    assert place.holder == "a"


@pytest.mark.parametrize(
    ("header", "query", "expected"),
    [("12", "", 12), ("", "7", 7), ("12", "7", 12), ("", "", 0), ("-1", "", 0), ("1e3", "", 0), ("9" * 10, "", 0)],
)
def test_who_comes_back_goes_on_after_the_last_event(header: str, query: str, expected: int) -> None:
    headers = {"Last-Event-ID": header} if header else {}

    assert last_event_id(RequestFactory().get("/", {"after": query} if query else {}, headers=headers)) == expected
