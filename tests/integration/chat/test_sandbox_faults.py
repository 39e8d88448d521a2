"""The site's engine against every fault of the sandbox's model server, side by side."""

from collections.abc import Iterator

import pytest
from django.conf import settings

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState
from apps.kernel import clock
from apps.sandbox.engine import streams
from tests.integration.chat.conftest import (
    EngineThread,
    be_impatient,
    give_quota,
    make_model,
    send,
    set_limits,
    settled,
)

pytestmark = pytest.mark.django_db(transaction=True)

FINISHED, INTERRUPTED, FAILED = GenerationState.FINISHED, GenerationState.INTERRUPTED, GenerationState.FAILED
# Longer than what the faults in mid-stream let through.
WHOLE = "one two three four five six seven eight nine ten " * 5 + "and that is all"
QUESTION = f"repeat: {WHOLE}"

# How each ends: the state, our code, and what the text is compared with (None: some of it, at least a word).
FAULTS: dict[str, tuple[GenerationState, str, str | None]] = {
    "500": (FAILED, "upstream_failed", ""),
    "429": (FAILED, "upstream_busy", ""),
    "hang": (FAILED, "upstream_timeout", ""),
    "drop-mid": (INTERRUPTED, "upstream_unreachable", None),
    "eof-no-done": (INTERRUPTED, "upstream_cut", None),
    "error-in-stream": (INTERRUPTED, "upstream_failed", None),
    "no-usage": (FINISHED, "", WHOLE),
    "split-utf8": (FINISHED, "", WHOLE),
    "empty": (FAILED, "empty_answer", ""),
    "bom": (FINISHED, "", WHOLE),
    "cr-lines": (FINISHED, "", WHOLE),
    "data-lines": (FINISHED, "", WHOLE),
    "separators": (FINISHED, "", None),
    "half-emoji": (FINISHED, "", None),
    "unreadable": (FINISHED, "", WHOLE),
    "list-content": (FINISHED, "", WHOLE),
    "refusal": (FINISHED, "", WHOLE),
    "number-reason": (FINISHED, "", WHOLE),
    "done-no-reason": (FINISHED, "", WHOLE),
    "heartbeats": (FINISHED, "", WHOLE),
    "silent-end": (FINISHED, "", WHOLE),
    "error-after-end": (FINISHED, "", WHOLE),
    "json": (FINISHED, "", WHOLE),
    "max-tokens": (FINISHED, "", WHOLE),
    "huge-delta": (INTERRUPTED, "upstream_garbled", None),
    "gzip": (FAILED, "upstream_garbled", ""),
    "redirect": (FAILED, "upstream_refused", ""),
    "json-error": (FAILED, "upstream_failed", ""),
    "401": (FAILED, "upstream_key_refused", ""),
    "402": (FAILED, "upstream_arrears", ""),
    "429-1113": (FAILED, "upstream_arrears", ""),
    "400-1301": (FAILED, "content_refused", ""),
    "502-html": (FAILED, "upstream_failed", ""),
    "hang-before-first": (FAILED, "upstream_timeout", ""),
    "hang-mid": (INTERRUPTED, "upstream_timeout", None),
    "sensitive": (FINISHED, "", None),
    "length": (FINISHED, "", None),
    "context-full": (FINISHED, "", None),
    "400-arrearage": (FAILED, "upstream_arrears", ""),
    "200-429": (FAILED, "upstream_busy", ""),
    "usage-first": (FINISHED, "", WHOLE),
    "usage-zero": (FINISHED, "", WHOLE),
    "tool-cut": (FINISHED, "", WHOLE),
    "tool-whole": (FINISHED, "", WHOLE),
    "tool-garbled": (FINISHED, "", WHOLE),
    **dict.fromkeys(
        [f"vectors-{what}" for what in ("short", "twice", "nan", "words", "garbage", "uneven", "reversed")],
        (FINISHED, "", WHOLE),
    ),
    **dict.fromkeys(
        [
            f"images-{what}"
            for what in ("few", "filtered", "garbage", "page", "svg", "bomb", "huge", "elsewhere", "redirect", "slow")
        ],
        (FINISHED, "", WHOLE),
    ),
    "network_error": (INTERRUPTED, "upstream_cut", None),
    "usage_twice": (FINISHED, "", WHOLE),
    "keepalive": (FINISHED, "", WHOLE),
    "slow": (FINISHED, "", WHOLE),
    "crlf-lines": (FINISHED, "", WHOLE),
    "empty-delta": (FINISHED, "", WHOLE),
}


@pytest.fixture
def impatient_engine(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An engine that waits seconds where ours waits a minute."""
    be_impatient(monkeypatch, silence_seconds=8.0)
    monkeypatch.setattr("apps.chat.engine.event_answers._USAGE_SECONDS", 1.0)
    engine = EngineThread()
    engine.start()
    yield
    engine.end()


@pytest.mark.usefixtures("impatient_engine")
def test_each_fault_ends_as_it_should_while_the_others_run(alice: Member, site: str) -> None:
    assert {f"fault-{name}" for name in FAULTS} == streams.FAULTS
    set_limits(max_running=len(FAULTS), max_per_minute=len(FAULTS))
    give_quota(alice.id, 100_000)
    for name in FAULTS:
        # Each on a channel of its own, which nothing is held against.
        make_model(name, upstream=f"fault-{name}", channel=name)
        services.save_channel(
            code=name,
            kind="sandbox",
            base_url=f"{site}/sandbox/llm/v1",
            api_key=settings.SANDBOX["MODEL_API_KEY"],
            now=clock.now(),
        )

    asked = {name: send(alice.id, QUESTION, model=name).generation.id for name in FAULTS}

    for name, (state, code, text) in FAULTS.items():
        done, shown = settled(alice.id, asked[name])
        assert (done.state, done.error_code) == (state, code), name
        assert shown == text if text is not None else WHOLE[:3] in shown, name
        assert done.charged_milli == (1000 if shown else 0), name
