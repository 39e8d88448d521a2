"""kill -9 of `manage.py generate` at every point of an answer, from its claim to what is heeded behind its end.

The first channel refuses, the second is being tried again: so every answer passes every point. It says a thought, then
"so far", and " and on" once that is saved. Before the settling transaction is done nobody pays, and what was saved is
kept; behind it everything is as if nobody had died. How the answer is paid for changes from point to point.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from typing import Any
from uuid import UUID

import pytest

from apps.accounts.contracts import IdentifiedKey, Member
from apps.chat import services
from apps.chat.contracts import BreakerState, GenerationState
from apps.chat.models import ChannelHealth
from apps.chat.rules import breaker
from apps.chat.services import routing
from apps.kernel import clock
from tests.integration.chat.conftest import ail, generation, send, wait_for
from tests.integration.chat.crashes import (
    COST,
    Pay,
    assert_nobody_paid,
    books,
    breaches,
    of_this_test,
    paid,
    sell,
    told,
    untouched,
    used,
    var,
)
from tests.integration.chat.test_failover import second
from tests.integration.chat.upstream import (
    Drop,
    Line,
    Silence,
    Step,
    Upstream,
    answer,
    event,
    head,
    piece,
    running_line,
)
from tests.power_cut import Cut, Dying, dying_process, wait_until_killed

__all__ = ["second"]

pytestmark = pytest.mark.django_db(transaction=True)

ENGINE = "from django.core.management import call_command; call_command('generate')"
THOUGHT = event({"choices": [{"delta": {"reasoning_content": "Hm."}}]})
REFUSED = [(1, "test", "upstream_failed")]
WHOLE = [*REFUSED, (2, "second", "")]
# What its provider says it took, 7 tokens in and 5 out: 5.4 thousandths of a credit.
TOKEN_COST = 6

CLAIM = r'UPDATE "chat_generation" SET "state" = \S+ "lease_token"'
ATTEMPT = "INSERT INTO chat_attempt"
PROBE = r'UPDATE "chat_channelhealth" SET "state" = \S+ "retry_at"'
HEALTH = r'UPDATE "chat_channelhealth" SET "state" = \S+ "failures"'
SAVE = r'UPDATE "chat_generation" SET "lease_until" = \S+ "text"'
SETTLE = r'UPDATE "chat_generation" SET "state" = \S+ "lease_until" = NULL'

OPEN, CLOSED = BreakerState.OPEN, BreakerState.CLOSED


@dataclass(frozen=True)
class Lost:
    """A point at which an answer is lost: what is left of it."""

    name: str
    cut: Cut
    attempts: list[tuple[int, str, str]]
    text: str = ""
    # The second channel, which was left alone before.
    health: BreakerState = OPEN


LOST = (
    Lost("claimed", Cut(CLAIM, "committed"), []),
    Lost("the first attempt failed, before it is told", Cut(ATTEMPT, "before"), []),
    Lost("the first attempt is told, its channel's failure is not", Cut(HEALTH, "before"), REFUSED),
    Lost("before the probe begins", Cut(PROBE, "before"), REFUSED),
    Lost("the probe has begun", Cut(PROBE, "after"), REFUSED),
    Lost("the first thought, before it is told", Cut(HEALTH, "before", 2), REFUSED),
    Lost("the first thought is told", Cut(HEALTH, "after", 2), REFUSED, health=CLOSED),
    Lost("the first word, before the first save", Cut(SAVE, "before"), REFUSED, health=CLOSED),
    Lost("the first save", Cut(SAVE, "after"), REFUSED, "so far", CLOSED),
    Lost("before the second save", Cut(SAVE, "before", 2), REFUSED, "so far", CLOSED),
    Lost("before settling", Cut(SETTLE, "before"), REFUSED, "so far and on", CLOSED),
    Lost("settling: the answer", Cut(SETTLE, "after"), REFUSED, "so far and on", CLOSED),
    Lost("settling: its attempt", Cut('INSERT INTO "chat_attempt"'), REFUSED, "so far and on", CLOSED),
    Lost("settling: its usage", Cut('INSERT INTO "chat_answerusage"'), REFUSED, "so far and on", CLOSED),
    Lost("settling: its hold", Cut(r"\s*UPDATE ledger_hold"), REFUSED, "so far and on", CLOSED),
    Lost("settling: the balance", Cut(r"\s*UPDATE ledger_account"), REFUSED, "so far and on", CLOSED),
    Lost("settling: the movement", Cut('INSERT INTO "ledger_transfer"'), REFUSED, "so far and on", CLOSED),
    Lost("settling: the lot", Cut(r"\s*UPDATE ledger_lot"), REFUSED, "so far and on", CLOSED),
    Lost("settling: the key's counter", Cut('UPDATE "accounts_apikey"'), REFUSED, "so far and on", CLOSED),
)
WAYS = dict(zip((point.name for point in LOST), cycle(Pay), strict=False)) | {
    # Where there is a hold to be charged, and something to give back.
    "settling: its hold": Pay.ANSWER,
    "settling: the balance": Pay.TOKEN,
    "settling: the movement": Pay.KEY,
    "settling: the lot": Pay.ENTITLED,
    "settling: the key's counter": Pay.KEY,
}


@pytest.fixture
def tried_again(rich_alice: Member, upstream: Upstream, second: Upstream) -> Upstream:
    """The second channel, which may be tried again, and is told what it costs; the first one refuses."""
    upstream.refusals["up-base"] = (500, {})
    services.save_route_cost(model_code="base", channel_code="second", cost=COST, now=clock.now())
    ail("second", times=breaker.FAILURES)
    ChannelHealth.objects.update(retry_at=clock.now() - timedelta(seconds=1))
    routing.forget()
    return second


class Script:
    """What the second channel says; the test opens what it waits for."""

    def __init__(self, channel: Upstream) -> None:
        self.saved = (threading.Event(), threading.Event())
        said: list[Step | Drop] = [THOUGHT, piece("so far"), self.saved[0], piece(" and on"), self.saved[1], *answer()]
        channel.scripts["up-base"] = said

    def play(self, generation_id: UUID, process: Dying) -> None:
        """Let it go on whenever its text is saved, until the engine is dead."""
        for text, gate in zip(("so far", "so far and on"), self.saved, strict=True):
            wait_for(lambda: is_dead(process) or generation(generation_id).text == text, what=f"{text!r} to be saved")  # noqa: B023
            gate.set()
        wait_until_killed(process)


def is_dead(process: Dying) -> bool:
    return process.poll() is not None


def ask(member: Member, key: IdentifiedKey | None, **more: Any) -> UUID:
    return send(member.id, key=key, **more).generation.id


@pytest.mark.parametrize("point", LOST, ids=lambda point: point.name)
def test_before_an_answer_is_settled_a_killed_engine_costs_nobody_anything(
    rich_alice: Member, tried_again: Upstream, point: Lost
) -> None:
    pay = WAYS[point.name]
    key = sell(rich_alice, pay)
    script, asked = Script(tried_again), ask(rich_alice, key)

    script.play(asked, dying_process(ENGINE, point.cut, var=var(), **of_this_test()))

    assert generation(asked).state == GenerationState.RUNNING
    assert services.claim_jobs(limit=9, now=clock.now()) == []
    later = clock.now() + timedelta(seconds=20)
    assert services.settle_abandoned(now=later) == 1
    assert_nobody_paid(asked, text=point.text, channel="second" if point.text else None, now=later)
    assert books(rich_alice) == untouched(pay, unpaid=int(bool(point.text)))
    assert told(asked) == point.attempts
    assert_may_be_tried(point.health)


def assert_may_be_tried(state: BreakerState) -> None:
    """The second channel is asked by whoever comes next: no dead engine's probe keeps its place."""
    health = ChannelHealth.objects.get(channel__code="second")
    assert (health.state, health.probe_of) == (state, None)
    assert health.retry_at is None or health.retry_at <= clock.now() + timedelta(seconds=20)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_answer_whose_claim_was_not_committed_still_waits(
    rich_alice: Member, tried_again: Upstream, moment: Any
) -> None:
    key = sell(rich_alice, Pay.KEY)
    asked = ask(rich_alice, key, now=clock.now() - timedelta(minutes=1))

    wait_until_killed(dying_process(ENGINE, Cut(CLAIM, moment), var=var(), **of_this_test()))

    assert generation(asked).state == GenerationState.QUEUED
    held = generation(asked).held_milli
    assert (books(rich_alice).held, books(rich_alice).spent) == (held, held)
    assert breaches(clock.now()) == []
    # Another engine takes it up; where there is none, it ends, and nothing was paid.
    later = clock.now() + timedelta(minutes=1, seconds=1)
    assert services.settle_abandoned(now=later) == 1
    assert (generation(asked).state, generation(asked).error_code) == (GenerationState.FAILED, "nobody_answered")
    assert books(rich_alice) == untouched(Pay.KEY)
    assert (told(asked), used(asked)) == ([], (None, False, 0))
    assert breaches(later) == []


@pytest.mark.parametrize("pay", Pay, ids=lambda pay: pay.name.lower())
def test_once_an_answer_is_settled_a_killed_engine_changes_nothing(
    rich_alice: Member, tried_again: Upstream, pay: Pay
) -> None:
    key = sell(rich_alice, pay)
    script, asked = Script(tried_again), ask(rich_alice, key)

    # Settled, and not yet announced: whoever reads it looks at its row.
    script.play(asked, dying_process(ENGINE, Cut(SETTLE, "committed"), var=var(), **of_this_test()))

    row = generation(asked)
    assert (row.state, row.text, row.reasoning) == (GenerationState.FINISHED, "so far and on", "Hm.")
    assert services.settle_abandoned(now=clock.now() + timedelta(seconds=20)) == 0
    assert books(rich_alice) == paid(pay, by_token=TOKEN_COST)
    assert told(asked) == WHOLE
    assert used(asked) == ("second", True, 0 if pay is Pay.FREE else row.charged_milli)
    assert breaches(clock.now()) == []
    # What the answer shows of its channel is heeded behind it: until the next whole one it is on probation.
    assert_may_be_tried(CLOSED)


@contextmanager
def killed_by_hand() -> Iterator[Callable[..., Dying]]:
    """Starts engines that nothing but the test kills."""
    engines: list[Dying] = []

    def start(**environment: str) -> Dying:
        engines.append(dying_process(ENGINE, Cut("nothing begins so"), var=var(), **of_this_test(), **environment))
        return engines[-1]

    try:
        yield start
    finally:
        for engine in engines:
            engine.kill()


def test_a_channel_that_has_taken_the_question_and_says_nothing_yet(rich_alice: Member, tried_again: Upstream) -> None:
    key = sell(rich_alice, Pay.KEY)
    tried_again.scripts["up-base"] = [Silence()]
    asked = ask(rich_alice, key)

    with killed_by_hand() as start:
        start()
        wait_for(lambda: tried_again.requests, what="the question to reach the second channel")

    later = clock.now() + timedelta(seconds=20)
    assert services.settle_abandoned(now=later) == 1
    assert_nobody_paid(asked, text="", channel=None, now=later)
    assert books(rich_alice) == untouched(Pay.KEY)
    assert told(asked) == REFUSED
    assert_may_be_tried(OPEN)


@pytest.mark.parametrize("direction", ["question", "answer"])
def test_while_a_moderator_looks(rich_alice: Member, tried_again: Upstream, direction: str) -> None:
    key = sell(rich_alice, Pay.TOKEN)
    looked, script = threading.Event(), Script(tried_again)

    def look(line: Line) -> None:
        asked = line.hear()
        if asked is None:
            return
        if asked["direction"] == direction:
            looked.set()
            line.wait()
        verdict = json.dumps({"verdict": "fine"})
        line.say(head(content_type="application/json") + verdict.encode())

    asked = ask(rich_alice, key)
    with running_line(look) as url, killed_by_hand() as start:
        start(MODERATION_URL=f"{url}/look", MODERATION_KEY="sk-look", MODERATION_SECONDS="8")
        if direction == "answer":
            for text, gate in zip(("so far", "so far and on"), script.saved, strict=True):
                wait_for(lambda: generation(asked).text == text, what=f"{text!r} to be saved")  # noqa: B023
                gate.set()
        wait_for(looked.is_set, what="the moderator to be asked")

    later = clock.now() + timedelta(seconds=20)
    assert services.settle_abandoned(now=later) == 1
    text = "so far and on" if direction == "answer" else ""
    assert_nobody_paid(asked, text=text, channel="second" if text else None, now=later)
    assert books(rich_alice) == untouched(Pay.TOKEN, unpaid=int(bool(text)))
    assert told(asked) == (REFUSED if text else [])


def test_while_usage_is_waited_for_behind_a_stop(rich_alice: Member, tried_again: Upstream) -> None:
    key = sell(rich_alice, Pay.KEY)
    tried_again.scripts["up-base"] = [THOUGHT, piece("so far"), threading.Event()]
    asked = ask(rich_alice, key)
    engine = dying_process(ENGINE, Cut(SETTLE, "before"), var=var(), **of_this_test())
    wait_for(lambda: generation(asked).text == "so far", what="saved text")

    # The engine hears a second longer, and dies with what it heard.
    services.stop_generation(user_id=rich_alice.id, generation_id=asked, now=clock.now())
    wait_until_killed(engine)

    later = clock.now() + timedelta(seconds=20)
    assert services.settle_abandoned(now=later) == 1
    row = generation(asked)
    assert (row.state, row.error_code, row.text) == (GenerationState.STOPPED, "engine_lost", "so far")
    assert used(asked) == ("second", True, 0)
    assert books(rich_alice) == untouched(Pay.KEY, unpaid=1)
    assert breaches(later) == []
