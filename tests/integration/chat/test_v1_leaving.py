"""A program that leaves stops its own answer, and pays for what was written; the bytes that it reads until then."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat.api.compatible import telling
from apps.chat.contracts import GenerationState
from apps.chat.models import Generation
from apps.kernel import clock, outbox
from tests.integration.chat.conftest import EngineThread, wait_for
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_v1_completions import only, paid, wait_until_settled
from tests.integration.chat.test_v1_models import key_of
from tests.integration.chat.upstream import Silence, Upstream, answer, piece

pytestmark = pytest.mark.django_db(transaction=True)

_READS_ONE_CHUNK_AND_HANGS = """
import sys, time
from openai import OpenAI
client = OpenAI(base_url=sys.argv[1], api_key=sys.argv[2])
stream = client.chat.completions.create(model="base", messages=[{"role": "user", "content": "hi"}], stream=True)
for chunk in stream:
    if chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content, flush=True)
        time.sleep(60)
"""


@contextmanager
def asking(site: str, key: str, *, is_streamed: bool) -> Iterator[socket.socket]:
    """A connection over which an answer was asked for."""
    body = json.dumps({"model": "base", "messages": [{"role": "user", "content": "hi"}], "stream": is_streamed})
    address = urlsplit(site)
    with socket.create_connection((address.hostname, address.port), timeout=15) as asked:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {key}\r\n"
        asked.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        yield asked


def read_until(asked: socket.socket, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        more = asked.recv(65_536)
        assert more, f"the connection ended with {seen!r}"
        seen += more
    return seen


def test_the_bytes_of_a_stream(site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = answer("line\u2028end")

    with asking(site, key_of(rich_alice), is_streamed=True) as asked:
        seen = read_until(asked, b"[DONE]\n\n").decode()

    head, _, body = seen.partition("\r\n\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
    assert head.startswith("HTTP/1.1 200")
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "private, no-store, no-cache, no-transform"
    assert headers["x-accel-buffering"] == "no"
    assert headers["access-control-allow-origin"] == "*"
    assert "content-encoding" not in headers
    assert "line\\u2028end" in body
    lines = [line for line in body.replace("\r\n", "\n").split("\n") if line.startswith("data: ")]
    assert lines[-1] == "data: [DONE]"
    assert all(json.loads(line[6:])["choices"] for line in lines[:-1])


def test_a_client_that_is_killed_in_the_middle_stops_its_answer_and_pays_for_what_was_written(
    site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [piece("one "), threading.Event(), *answer("two")]
    command = [sys.executable, "-c", _READS_ONE_CHUNK_AND_HANGS, f"{site}/v1", key_of(rich_alice)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"one \n"
        client.kill()

    row = wait_until_settled()

    assert (row.state, row.text, row.charged_milli) == (GenerationState.STOPPED, "one ", 1000)
    assert paid(rich_alice) == 1000
    assert_audit_is_clean()


@pytest.mark.parametrize("is_streamed", [False, True])
def test_who_leaves_before_the_first_byte_stops_it_and_pays_nothing(
    is_streamed: bool, site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [Silence(), *answer("never")]
    with asking(site, key_of(rich_alice), is_streamed=is_streamed):
        wait_for(lambda: upstream.requests, what="a question upstream")

    row = wait_until_settled()

    assert (row.state, row.text, row.charged_milli) == (GenerationState.STOPPED, "", 0)
    assert paid(rich_alice) == 0
    assert_audit_is_clean()


def test_who_leaves_while_an_answer_at_once_is_written_pays_for_what_was_written(
    site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [piece("one "), threading.Event(), *answer("two")]
    with asking(site, key_of(rich_alice), is_streamed=False):
        wait_for(lambda: Generation.objects.filter(text="one ").exists(), what="a text that is saved")

    row = wait_until_settled()

    assert (row.state, row.text, row.charged_milli) == (GenerationState.STOPPED, "one ", 1000)


def test_who_leaves_while_the_question_still_waits_stops_it_in_the_queue(
    site: str, rich_alice: Member, upstream: Upstream
) -> None:
    """No engine works here."""
    with asking(site, key_of(rich_alice), is_streamed=True):
        wait_for(Generation.objects.exists, what="a generation")

    row = wait_until_settled()

    assert (row.state, row.charged_milli, upstream.requests) == (GenerationState.STOPPED, 0, [])


def test_before_the_first_word_the_line_is_kept_alive(
    site: str,
    rich_alice: Member,
    upstream: Upstream,
    engine: EngineThread,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(telling, "_STATUS_WAITS_SECONDS", 0.2)
    gate = Silence()
    upstream.scripts["up-base"] = [gate, *answer("late")]

    with asking(site, key_of(rich_alice), is_streamed=True) as asked:
        head = read_until(asked, b": keep-alive\n\n")
        gate.set()
        rest = read_until(asked, b"[DONE]\n\n")

    assert b"200 OK" in head
    assert b"\ndata: " not in head
    assert b"late" in rest
    assert only().state == GenerationState.FINISHED


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_key_that_is_revoked_in_the_middle_ends_its_answers_and_what_was_paid_is_told(
    is_streamed: bool, site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [piece("one "), threading.Event(), *answer("two")]
    key = key_of(rich_alice)

    with asking(site, key, is_streamed=is_streamed) as asked:
        if is_streamed:
            read_until(asked, b"one ")
        wait_for(lambda: Generation.objects.filter(text="one ").exists(), what="a text that is saved")
        (known,) = accounts.api_keys_of(user_id=rich_alice.id)
        accounts.revoke_api_key(user_id=rich_alice.id, key_id=known.id, now=clock.now())
        assert outbox.work(queue="chat") == 1
        # A stream says why; in place of a document it would be a refusal of what was paid for.
        rest = read_until(asked, b"invalid_api_key" if is_streamed else b'"finish_reason": "length"')

    assert (b"200 OK" in rest and b'"one "' in rest) != is_streamed
    assert b"[DONE]" not in rest
    row = wait_until_settled()
    assert (row.state, row.text, row.charged_milli) == (GenerationState.STOPPED, "one ", 1000)
    assert_audit_is_clean()
