"""How a channel is reached: connections, redirects, proxies, compression, refusals, and what the log says of them."""

import gzip
import json
from collections.abc import Callable
from threading import Event

import pytest
from pytest_django.fixtures import Settings

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import GenerationState
from apps.chat.models import Channel
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread, be_impatient, generation, make_model, send, settled, wait_for
from tests.integration.chat.upstream import Line, Upstream, answer, chunk, head, piece, running_line

pytestmark = pytest.mark.django_db(transaction=True)

FINISHED, INTERRUPTED, FAILED = GenerationState.FINISHED, GenerationState.INTERRUPTED, GenerationState.FAILED
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def outcome(member: Member, url: str, *, code: str = "base") -> tuple[GenerationState, str, str]:
    """How an answer ends that is asked for at this address."""
    make_model(code, url=url)
    done, text = settled(member.id, send(member.id, model=code).generation.id)
    return done.state, done.error_code, text


def of(play: Callable[[Line], None], member: Member) -> tuple[GenerationState, str, str]:
    """How an answer ends when the provider does this."""

    def hear_first(line: Line) -> None:
        line.hear()
        play(line)

    with running_line(hear_first) as url:
        return outcome(member, url)


def test_broken_framing_ends_by_our_own_clock(
    rich_alice: Member, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_impatient(monkeypatch, silence_seconds=3.0)

    is_shown = Event()

    def play(line: Line) -> None:
        line.hear()
        line.say(CHUNKED + chunk(piece("so far")))
        is_shown.wait(10)
        line.say(b"no such length\r\n" + piece("lost"))
        line.wait()

    with running_line(play) as url:
        make_model(url=url)
        engine = EngineThread()
        engine.start()
        asked = send(rich_alice.id)
        wait_for(lambda: generation(asked.generation.id).text == "so far", what="saved text")
        is_shown.set()
        done, text = settled(rich_alice.id, asked.generation.id)
        engine.end()

    assert (done.state, text) == (INTERRUPTED, "so far")
    assert done.error_code in {"upstream_timeout", "upstream_unreachable"}


@pytest.mark.parametrize("framing", [CHUNKED, head()], ids=["chunked", "until it closes"])
@pytest.mark.parametrize("is_our_own", [True, False], ids=["ours", "another's"])
def test_an_answer_that_breaks_off_because_its_server_died_costs_nothing_only_if_that_is_our_own(
    rich_alice: Member,
    engine: EngineThread,
    settings: Settings,
    framing: bytes,
    is_our_own: bool,
) -> None:
    is_dying = Event()

    def play(line: Line) -> None:
        line.hear()
        said = piece("so far")
        line.say(framing + (chunk(said) if framing == CHUNKED else said))
        is_dying.wait(60)

    with running_line(play) as url:
        settings.OWN_MODELS_URL = f"{url}/models" if is_our_own else "http://127.0.0.1:9/v1"
        make_model(url=url)
        asked = send(rich_alice.id)
        wait_for(lambda: generation(asked.generation.id).text == "so far", what="saved text")
    is_dying.set()

    done, text = settled(rich_alice.id, asked.generation.id)
    assert (done.state, text) == (INTERRUPTED, "so far")
    assert (done.error_code == "engine_lost") is is_our_own
    assert (done.is_delivered, done.charged_milli) == ((False, 0) if is_our_own else (True, 1000))


def test_a_compressed_answer_is_refused_unread(rich_alice: Member, engine: EngineThread) -> None:
    bomb = gzip.compress(b"data: " + b"x" * 50_000_000 + b"\n\n")
    heard: list[object] = []

    def play(line: Line) -> None:
        line.say(head(more="Content-Encoding: gzip\r\n") + bomb)
        heard.append(bomb)

    assert of(play, rich_alice) == (FAILED, "upstream_garbled", "")
    assert heard


@pytest.mark.parametrize("encoding", ["", "none", "Identity"])
def test_an_answer_that_says_it_is_not_compressed_is_read(
    rich_alice: Member, engine: EngineThread, encoding: str
) -> None:
    def play(line: Line) -> None:
        line.say(head(more=f"Content-Encoding: {encoding}\r\n") + b"".join(answer("Hello")))

    assert of(play, rich_alice) == (FINISHED, "", "Hello")


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_refusal_is_read_only_so_far(rich_alice: Member, engine: EngineThread, encoding: str) -> None:
    def play(line: Line) -> None:
        line.say(head("500 Oops", content_type="application/json", more=f"Content-Encoding: {encoding}\r\n"))
        for _ in range(1000):
            line.say(b" " * 65_536)

    assert of(play, rich_alice) == (FAILED, "upstream_failed", "")


def test_http_that_is_none_is_a_refusal(rich_alice: Member, engine: EngineThread) -> None:
    for said in (b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", b"\x00" * 50):

        def play(line: Line, said: bytes = said) -> None:
            line.say(said)

        state, code, _ = of(play, rich_alice)
        assert (state, code) in {(FAILED, "upstream_garbled"), (FAILED, "upstream_unreachable")}, said


def test_a_redirect_is_not_followed(rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = answer("elsewhere")

    def play(line: Line) -> None:
        line.say(head("307 Temporary Redirect", more=f"Location: {upstream.url}/chat/completions\r\n"))

    assert of(play, rich_alice) == (FAILED, "upstream_refused", "")
    assert upstream.requests == []


def test_a_kept_connection_that_was_closed_costs_no_question(rich_alice: Member, engine: EngineThread) -> None:
    connections = 0

    def play(line: Line) -> None:
        nonlocal connections
        connections += 1
        # Answers once, says that it keeps the connection, and closes it when the next question comes.
        line.hear()
        line.say(CHUNKED + b"".join(map(chunk, answer("Hello"))) + b"0\r\n\r\n")
        line.hear()

    with running_line(play) as url:
        ends = [outcome(rich_alice, url) for _ in range(4)]

    assert ends == [(FINISHED, "", "Hello")] * 4
    assert 1 < connections <= 4


def test_a_provider_that_only_hangs_up_is_asked_twice_and_not_for_ever(
    rich_alice: Member, engine: EngineThread
) -> None:
    asked: list[object] = []

    def play(line: Line) -> None:
        asked.append(line.hear())

    with running_line(play) as url:
        assert outcome(rich_alice, url) == (FAILED, "upstream_unreachable", "")

    assert len(asked) == 2


def test_what_is_wrong_with_the_way_has_names_of_its_own(rich_alice: Member, engine: EngineThread) -> None:
    def no_tls(line: Line) -> None:
        line.say(b"hello, who is there?\r\n")

    with running_line(no_tls) as url:
        assert outcome(rich_alice, url.replace("http:", "https:"))[1] == "upstream_tls"
    assert outcome(rich_alice, "http://no-such-host.invalid/v1")[1] == "upstream_name_unknown"
    assert outcome(rich_alice, "http://127.0.0.1:9/v1")[1] == "upstream_unreachable"


def test_a_channel_that_accepts_and_says_nothing_times_out(
    rich_alice: Member, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_impatient(monkeypatch, silence_seconds=0.3)
    engine = EngineThread()
    engine.start()

    assert of(Line.wait, rich_alice) == (FAILED, "upstream_timeout", "")

    engine.end()


def test_cookies_of_one_answer_are_not_sent_with_the_next(rich_alice: Member, engine: EngineThread) -> None:
    heads: list[bytes] = []

    def play(line: Line) -> None:
        heads.append(line.connection.recv(65_536))
        body = b"".join(answer("Hello"))
        line.say(head(more=f"Set-Cookie: member=alice\r\nContent-Length: {len(body)}\r\n") + body)

    with running_line(play) as url:
        for _ in range(2):
            assert outcome(rich_alice, url)[0] == FINISHED

    assert len(heads) == 2
    assert b"cookie" not in heads[1].lower()
    assert b"accept-encoding: identity" in heads[0].lower()


NEWER_NAME = {
    "error": {
        "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead. You asked: the secret question",
        "type": "invalid_request_error",
        "param": "max_tokens",
        "code": "unsupported_parameter",
    }
}


# As Mistral says it: in no envelope, and with an object for a message.
NO_USAGE = {
    "object": "error",
    "message": {"detail": [{"loc": ["body", "stream_options", "include_usage"]}]},
    "code": None,
}


def test_how_a_model_wants_to_be_asked_is_learnt_from_its_refusals(rich_alice: Member, engine: EngineThread) -> None:
    asked: list[set[str]] = []

    def play(line: Line) -> None:
        asked.append(set(line.hear() or {}) - {"model", "messages", "stream"})
        refusal = NO_USAGE if "stream_options" in asked[-1] else NEWER_NAME if "max_tokens" in asked[-1] else None
        if refusal is None:
            line.say(head() + b"".join(answer("Hello")))
        else:
            line.say(head("422 Unprocessable Entity", content_type="application/json") + json.dumps(refusal).encode())

    with running_line(play) as url:
        for _ in range(2):
            assert outcome(rich_alice, url) == (FINISHED, "", "Hello")

    learnt = {"max_completion_tokens"}
    assert asked == [{"max_tokens", "stream_options"}, {"max_tokens"}, learnt, learnt]


def test_the_log_has_the_providers_code_and_not_the_question(
    rich_alice: Member, engine: EngineThread, caplog: pytest.LogCaptureFixture
) -> None:
    def play(line: Line) -> None:
        line.hear()
        line.say(head("400 Bad Request", content_type="application/json") + json.dumps(NEWER_NAME).encode())

    with running_line(play) as url:
        assert outcome(rich_alice, url)[:2] == (FAILED, "request_refused")

    assert "status 400, code unsupported_parameter, type invalid_request_error, param max_tokens" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks://127.0.0.1:9"])
def test_a_proxy_in_the_environment_is_nobodys(
    rich_alice: Member, upstream: Upstream, transactional_db: None, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    for name in ("http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    upstream.scripts["up-base"] = answer("Hello")
    engine = EngineThread()
    engine.start()

    assert outcome(rich_alice, upstream.url) == (FINISHED, "", "Hello")

    engine.end()


def test_nothing_of_the_environment_or_the_machine_is_told_to_a_channel(
    rich_alice: Member, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The openai client reads all of these, and by itself it names the system and the versions that it runs on."""
    for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID", "WEBHOOK_SECRET"):
        monkeypatch.setenv(f"OPENAI_{name}", "sk-elsewhere")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/elsewhere")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer sk-elsewhere\nX-Elsewhere: 1")
    heads: list[str] = []

    def play(line: Line) -> None:
        heads.append(line.connection.recv(65_536).decode().partition("\r\n\r\n")[0])
        body = b"".join(answer("Hello"))
        line.say(head(more=f"Content-Length: {len(body)}\r\n") + body)

    engine = EngineThread()
    engine.start()
    with running_line(play) as url:
        assert outcome(rich_alice, url) == (FINISHED, "", "Hello")
    engine.end()

    headers = dict(line.lower().split(": ", 1) for line in heads[0].split("\r\n")[1:])
    assert set(headers) - {"host", "content-length"} == {
        "accept", "accept-encoding", "authorization", "content-type", "user-agent",
    }  # fmt: skip
    assert (headers["authorization"], headers["user-agent"]) == ("bearer sk-test-secret", "chatloop")


def test_a_channel_goes_through_its_own_proxy(rich_alice: Member, engine: EngineThread) -> None:
    first_lines: list[bytes] = []

    def play(line: Line) -> None:
        first_lines.append(line.connection.recv(65_536).split(b"\r\n")[0])
        body = b"".join(answer("Hello"))
        line.say(head(more=f"Content-Length: {len(body)}\r\n") + body)

    with running_line(play) as url:
        make_model(url="http://models.example/v1")
        services.save_channel(
            code="test",
            base_url="http://models.example/v1",
            proxy_url=url.removesuffix("/v1"),
            api_key="sk-test-secret",
            now=clock.now(),
        )
        done, text = settled(rich_alice.id, send(rich_alice.id).generation.id)

    assert (done.state, text) == (FINISHED, "Hello")
    assert first_lines == [b"POST http://models.example/v1/chat/completions HTTP/1.1"]


@pytest.mark.parametrize(
    ("base_url", "proxy_url", "field"),
    [
        ("https://models.example/v1", "socks5://127.0.0.1:1080", "proxy_url"),
        ("https://models.example/v1", "proxy.example:3128", "proxy_url"),
        ("https://models.example/v1", "http://me:secret@proxy.example", "proxy_url"),
        ("https://models.example/v1", "http://proxy.example:99999", "proxy_url"),
        ("http://127.0.0.1:8000/v1", "http://proxy.example", "proxy_url"),
        ("http://localhost/v1", "http://proxy.example", "proxy_url"),
        ("http://[::1]/v1", "http://proxy.example", "proxy_url"),
        ("ftp://models.example/v1", "", "base_url"),
        ("http://[::1/v1", "", "base_url"),
    ],
)
def test_an_address_that_calls_cannot_use_is_refused(base_url: str, proxy_url: str, field: str) -> None:
    with pytest.raises(errors.ConfigurationNotValid) as raised:
        services.save_channel(
            code="test", base_url=base_url, proxy_url=proxy_url, api_key="sk-test-secret", now=clock.now()
        )

    assert raised.value.context == {"field": field}
    assert not Channel.objects.exists()


@pytest.mark.parametrize("api_key", ["sk-a\r\nX-Evil: 1", "sk a", "sk-钥"])
def test_a_key_that_no_header_takes_is_refused(db: None, api_key: str) -> None:
    with pytest.raises(errors.ConfigurationNotValid):
        services.save_channel(code="test", base_url="https://models.example/v1", api_key=api_key, now=clock.now())


def test_many_answers_share_a_loop_with_a_flood(rich_alice: Member, engine: EngineThread) -> None:
    """A provider that sends comments as fast as it can keeps nobody else waiting."""
    enough = Event()

    def flood(line: Line) -> None:
        line.hear()
        line.say(head())
        while not enough.is_set():
            line.say(b": nothing to say\n" * 4000)

    def play(line: Line) -> None:
        line.hear()
        line.say(head() + b"".join(answer("Hello")))

    with running_line(flood) as flooding, running_line(play) as healthy:
        make_model("flood", url=flooding, channel="flood")
        flooded = send(rich_alice.id, model="flood")
        assert outcome(rich_alice, healthy) == (FINISHED, "", "Hello")
        enough.set()
        assert settled(rich_alice.id, flooded.generation.id)[0].state == FAILED
