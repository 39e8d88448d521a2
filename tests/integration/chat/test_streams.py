"""The event stream over real HTTP: live, resumed, shared, without Redis, without holding a connection."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import redis
from django.conf import settings
from django.db import connection

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState, Outcome
from apps.chat.models import Generation
from apps.kernel import clock
from apps.kernel.ids import UserId
from apps.kernel.redis import sync_redis
from tests.cast import browser_of
from tests.integration.chat.conftest import EngineThread, generation, redis_is_at, send, settled, wait_for
from tests.integration.chat.upstream import Upstream, answer, piece

pytestmark = pytest.mark.django_db(transaction=True)


class Stream:
    """One open event stream."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.response = response

    def events(self) -> Iterator[tuple[str, dict[str, Any], str]]:
        """(event, data, id) as they come, to the end."""
        name, data, event_id = "", "", ""
        for raw in self.response:
            line = raw.decode().rstrip("\n")
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data = line[6:]
            elif line.startswith("id: "):
                event_id = line[4:]
            elif not line and name:
                yield name, json.loads(data), event_id
                name, data, event_id = "", "", ""

    def until(self, text: str) -> tuple[str, str]:
        """Read deltas until they make up this text; the text and the last id."""
        seen = ""
        for name, data, event_id in self.events():
            if name == "delta":
                seen += data["text"]
            if seen == text:
                return seen, event_id
        raise AssertionError(f"the stream ended with {seen!r}")


@contextmanager
def opened(
    site: str,
    user_id: UserId | None,
    generation_id: UUID,
    *,
    query: str = "",
    last_event_id: str = "",
    key: str | None = None,
) -> Iterator[Stream]:
    """Follow an answer as a browser would, or as a program with a key."""
    headers = {}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    if user_id is not None:
        cookie = browser_of(user_id).cookies[settings.SESSION_COOKIE_NAME].value
        headers["Cookie"] = f"{settings.SESSION_COOKIE_NAME}={cookie}"
    if last_event_id:
        headers["Last-Event-ID"] = last_event_id
    http_connection = http.client.HTTPConnection(urlsplit(site).netloc, timeout=15)
    http_connection.request("GET", f"/api/v1/chat/generations/{generation_id}/events{query}", headers=headers)
    try:
        yield Stream(http_connection.getresponse())
    finally:
        http_connection.close()


def text_of(events: list[tuple[str, dict[str, Any], str]]) -> str:
    return "".join(data["text"] for name, data, _ in events if name == "delta")


def test_a_reader_sees_the_text_then_the_price_then_the_end(
    site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    gate = threading.Event()
    upstream.scripts["up-base"] = [piece("你好，"), gate, *answer("world")]
    asked = send(rich_alice.id)

    with opened(site, rich_alice.id, asked.generation.id) as stream:
        assert stream.until("你好，") == ("你好，", "3")
        gate.set()
        rest = list(stream.events())

    headers = stream.response.headers
    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert headers["Cache-Control"] == "private, no-store, no-cache, no-transform"
    assert headers["X-Accel-Buffering"] == "no"
    assert text_of(rest) == "world"
    assert [name for name, _, _ in rest if name != "delta"][-2:] == ["usage", "done"]
    usage = next(data for name, data, _ in rest if name == "usage")
    assert (usage["charged_milli"], usage["paid_by"], usage["balance_milli"]) == (1000, "quota", 4000)
    assert rest[-1] == ("done", {"state": "finished", "finish_reason": "stop"}, "8")


def test_a_reader_who_comes_back_gets_the_rest_and_nothing_twice(
    site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    gate = threading.Event()
    upstream.scripts["up-base"] = [piece("one "), piece("two "), gate, *answer("three")]
    asked = send(rich_alice.id)
    with opened(site, rich_alice.id, asked.generation.id) as stream:
        _, last_id = stream.until("one two ")

    with opened(site, rich_alice.id, asked.generation.id, last_event_id=last_id) as stream:
        gate.set()
        rest = list(stream.events())

    assert text_of(rest) == "three"
    assert rest[-1][0] == "done"


def test_a_settled_answer_is_told_from_the_database_from_any_offset(
    site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("one two three")
    asked = send(rich_alice.id)
    settled(rich_alice.id, asked.generation.id)

    for after, text in (("0", "one two three"), ("4", "two three"), ("13", ""), ("999", ""), ("x", "one two three")):
        with opened(site, rich_alice.id, asked.generation.id, query=f"?after={after}") as stream:
            events = list(stream.events())
        assert (text_of(events), events[-1][0]) == (text, "done"), after


def test_two_readers_see_the_same_and_one_leaving_stops_nothing(
    site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    gate = threading.Event()
    upstream.scripts["up-base"] = [piece("shared "), gate, *answer("text")]
    asked = send(rich_alice.id)

    with opened(site, rich_alice.id, asked.generation.id) as stays:
        with opened(site, rich_alice.id, asked.generation.id) as leaves:
            leaves.until("shared ")
        gate.set()
        events = list(stays.events())

    assert text_of(events) == "shared text"
    assert not upstream.hung_up.is_set()


def test_what_redis_lost_is_taken_from_the_saved_text(
    site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    gate = threading.Event()
    upstream.scripts["up-base"] = [piece("lost "), gate, *answer("and found")]
    asked = send(rich_alice.id)
    wait_for(lambda: generation(asked.generation.id).text == "lost ", what="saved text")
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()

    with opened(site, rich_alice.id, asked.generation.id) as stream:
        stream.until("lost ")
        gate.set()
        rest = list(stream.events())

    assert text_of(rest) == "and found"


def test_a_reader_follows_the_database_alone_when_there_is_no_redis(
    site: str, rich_alice: Member, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_is_at("redis://127.0.0.1:1/0", monkeypatch)
    asked = send(rich_alice.id)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    names = {"generation_id": job.generation_id, "lease_token": job.lease_token}

    with opened(site, rich_alice.id, asked.generation.id) as stream:
        assert services.keep_text(**names, text="slow but ", now=clock.now())
        stream.until("slow but ")
        assert services.keep_text(**names, text="slow but sure", now=clock.now())
        stream.until("sure")
        services.settle_abandoned(now=clock.now().replace(year=clock.now().year + 1))
        rest = list(stream.events())

    assert rest[-1][1]["state"] == "interrupted"
    assert ("error", {"code": "engine_lost"}) in [(name, data) for name, data, _ in rest]


def test_the_html_view_sends_changed_blocks_and_never_half_an_element(
    site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    gate = threading.Event()
    upstream.scripts["up-base"] = [
        piece("# Title\n\n```js\n<img src=x onerror="),
        gate,
        *answer("alert(1)>\n```\n\nend"),
    ]
    asked = send(rich_alice.id)

    blocks: list[str] = []
    with opened(site, rich_alice.id, asked.generation.id, query="?view=html&after=5") as stream:
        for name, data, _ in stream.events():
            if name == "blocks":
                blocks[data["from"] :] = data["html"]
                assert all("<img" not in block for block in blocks)
            if len(blocks) == 2:
                gate.set()

    assert blocks[0] == "<h1>Title</h1>"
    assert blocks[1].startswith('<div class="code-block">')
    assert blocks[2] == "<p>end</p>"


def test_strangers_and_visitors_get_a_problem_document(site: str, rich_alice: Member, bob: Member, model: str) -> None:
    asked = send(rich_alice.id)

    for user_id, status, code in ((bob.id, 404, "generation_not_found"), (None, 401, "not_authenticated")):
        with opened(site, user_id, asked.generation.id) as stream:
            assert stream.response.status == status
            assert json.loads(stream.response.read())["code"] == code
            assert stream.response.headers["Content-Type"] == "application/problem+json"


def test_a_program_reads_with_its_key(site: str, rich_alice: Member, bob: Member, model: str) -> None:
    asked = send(rich_alice.id)
    services.stop_generation(user_id=rich_alice.id, generation_id=asked.generation.id, now=clock.now())

    def key_of(member: Member, **more: Any) -> str:
        values = {"name": "script", "scopes": ("chat",), "now": clock.now(), **more}
        return accounts.create_api_key(user_id=member.id, **values).key

    with opened(site, None, asked.generation.id, key=key_of(rich_alice)) as stream:
        assert [name for name, _, _ in stream.events()][-1] == "done"
    for key, status, code in (
        ("sk-wrong", 401, "api_key_not_valid"),
        (key_of(rich_alice, scopes=("account",)), 403, "scope_missing"),
        (key_of(rich_alice, allowed_networks=("203.0.113.0/24",)), 403, "network_not_allowed"),
        (key_of(bob), 404, "generation_not_found"),
    ):
        # a good cookie does not help a bad key
        with opened(site, rich_alice.id, asked.generation.id, key=key) as stream:
            assert (stream.response.status, json.loads(stream.response.read())["code"]) == (status, code)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only a server knows its connections")
def test_an_open_stream_holds_no_database_connection(site: str, rich_alice: Member, model: str) -> None:
    asked = send(rich_alice.id)
    (job,) = services.claim_jobs(limit=1, now=clock.now())

    with opened(site, rich_alice.id, asked.generation.id) as stream:
        services.keep_text(generation_id=job.generation_id, lease_token=job.lease_token, text="x", now=clock.now())
        stream.until("x")
        wait_for(lambda: _connections_in_use() == 1, what="only this test's connection to be busy")

    assert Generation.objects.filter(pk=asked.generation.id).exists()


def _connections_in_use() -> int:
    """Connections taken from this process's pool, this test's own included."""
    stats = connection.pool.get_stats()  # type: ignore[attr-defined]  # PostgreSQL's wrapper has it
    return int(stats["pool_size"] - stats["pool_available"])


def test_the_last_words_arrive_although_the_end_is_read_together_with_them(
    site: str, rich_alice: Member, model: str
) -> None:
    """A reader that rests between two renderings finds the last piece and the end in one look at the stream."""
    asked = send(rich_alice.id)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    done = Outcome(state=GenerationState.FINISHED, text="first and last", finish_reason="stop")
    sync_redis().xadd(f"chat:generation:{job.generation_id}", {"text": "first ", "end_offset": 6})
    blocks: list[str] = []

    with opened(site, rich_alice.id, asked.generation.id, query="?view=html") as stream:
        for name, data, _ in stream.events():
            if name == "blocks":
                blocks[data["from"] :] = data["html"]
            if blocks == ["<p>first</p>"]:  # the reader rests now
                sync_redis().xadd(f"chat:generation:{job.generation_id}", {"text": "and last", "end_offset": 14})
                services.finish_run(
                    generation_id=job.generation_id, lease_token=job.lease_token, outcome=done, now=clock.now()
                )

    assert blocks == ["<p>first and last</p>"]


def test_a_member_may_read_with_many_streams_but_not_with_any_number(
    site: str, rich_alice: Member, bob: Member, model: str
) -> None:
    asked = send(rich_alice.id)
    with ExitStack() as open_streams:
        held = [open_streams.enter_context(opened(site, rich_alice.id, asked.generation.id)) for _ in range(24)]
        assert {stream.response.status for stream in held} == {200}

        with opened(site, rich_alice.id, asked.generation.id) as refused:
            assert refused.response.status == 429
            assert int(refused.response.headers["Retry-After"]) > 0
            assert json.loads(refused.response.read())["code"] == "too_many_readers"
        # the refusal is this member's alone
        with opened(site, bob.id, asked.generation.id) as stream:
            assert stream.response.status == 404

    def is_welcome() -> bool:
        with opened(site, rich_alice.id, asked.generation.id) as stream:
            return stream.response.status == 200

    wait_for(is_welcome, what="a place that those who left have given back")


def test_a_refused_reader_takes_no_place(site: str, rich_alice: Member, bob: Member, model: str) -> None:
    asked = send(rich_alice.id)

    for _ in range(30):
        with opened(site, bob.id, asked.generation.id) as stream:
            assert stream.response.status == 404


@pytest.mark.parametrize("query", ["", "?view=html"])
def test_no_character_of_an_answer_ends_a_line_of_the_stream(
    site: str, rich_alice: Member, model: str, query: str
) -> None:
    text = "a\u2028b\u2029c\x85d\u000be\u001cf 🎉"
    asked = send(rich_alice.id)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    done = Outcome(state=GenerationState.FINISHED, text=text, finish_reason="stop")
    services.finish_run(generation_id=job.generation_id, lease_token=job.lease_token, outcome=done, now=clock.now())

    with opened(site, rich_alice.id, asked.generation.id, query=query) as stream:
        raw = stream.response.read().decode()

    assert raw.splitlines() == raw.split("\n")[:-1]
    data = [json.loads(line.removeprefix("data: ")) for line in raw.splitlines() if line.startswith("data: ")]
    shown = next(item.get("text") or item["html"][0] for item in data if "text" in item or "html" in item)
    assert "a\u2028b\u2029c\x85d" in shown
    assert "🎉" in shown
