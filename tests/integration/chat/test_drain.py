"""What an answer by the token costs that its owner stopped: what its provider says that it took, if it says so soon."""

import threading
import time
from typing import Any

import pytest

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationDetail, GenerationState, PerTokens
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from tests.integration.chat.conftest import EngineThread, generation, give_quota, make_model, send, settled, wait_for
from tests.integration.chat.test_reasoning import thought
from tests.integration.chat.upstream import DONE, Drop, Silence, Upstream, piece, reason, usage

pytestmark = pytest.mark.django_db(transaction=True)

PRICE = PerTokens(input_milli=1000, cached_milli=1000, output_milli=1000)
# Ten tokens of Chinese.
TEN = "一二三四五六七八九十"


@pytest.fixture(autouse=True)
def by_token(rich_alice: Member, upstream: Upstream) -> None:
    make_model(url=upstream.url, price=PRICE)


def stopped(member: Member, upstream: Upstream, *script: Any, shown: str = TEN) -> GenerationDetail:
    """Ask, and stop once this is shown."""
    upstream.scripts["up-base"] = script
    asked = send(member.id, "xyz" * 16)
    wait_for(lambda: generation(asked.generation.id).text == shown, what="saved text")
    services.stop_generation(user_id=member.id, generation_id=asked.generation.id, now=clock.now())
    wait_for(lambda: services.find_stop_requests(generation_ids=[asked.generation.id]), what="the request to stop")
    for step in script:
        if isinstance(step, Later):
            step.open_soon()
    done, text = settled(member.id, asked.generation.id)
    assert text == shown
    assert [breach for check in all_invariants() for breach in check.check(clock.now())] == []
    return done


class Later(Silence):
    """A step that waits until shortly after the Stop."""

    def open_soon(self) -> None:
        threading.Timer(0.5, self.set).start()


def test_the_usage_behind_a_stop_is_waited_for(rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    more = [piece("and more that nobody wants"), reason("stop"), usage(30, 7), DONE]

    done = stopped(rich_alice, upstream, piece(TEN), Later(), *more)

    assert (done.state, done.finish_reason) == (GenerationState.STOPPED, "")
    # What it says, although we count ten.
    assert (done.prompt_tokens, done.completion_tokens, done.charged_milli) == (30, 7, 37)


def test_what_was_written_behind_a_stop_costs_nothing(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    done = stopped(rich_alice, upstream, piece(TEN), Later(), piece("more"), reason("stop"), usage(30, 500), DONE)

    assert (done.completion_tokens, done.charged_milli) == (500, 30 + 10)


def test_a_provider_that_says_nothing_is_left_after_a_moment_and_what_was_kept_is_counted(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    begun = time.monotonic()

    done = stopped(rich_alice, upstream, piece(TEN), threading.Event(), usage(30, 7))

    assert time.monotonic() - begun < 10
    # Sixteen tokens of the question and four around it.
    assert (done.prompt_tokens, done.completion_tokens, done.charged_milli) == (20, 10, 30)
    wait_for(upstream.hung_up.is_set, what="the provider to notice")


def test_a_provider_that_hangs_up_behind_a_stop_changes_nothing(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    done = stopped(rich_alice, upstream, piece(TEN), Later(), Drop())

    assert (done.state, done.error_code, done.charged_milli) == (GenerationState.STOPPED, "", 30)


def test_before_the_first_word_nothing_is_waited_for_and_nothing_charged(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [Silence(), usage(30, 7)]
    asked = send(rich_alice.id)
    wait_for(lambda: upstream.requests, what="the provider to be asked")

    services.stop_generation(user_id=rich_alice.id, generation_id=asked.generation.id, now=clock.now())

    done, _ = settled(rich_alice.id, asked.generation.id)
    assert (done.state, done.charged_milli, done.is_delivered) == (GenerationState.STOPPED, 0, False)


def test_thoughts_that_were_kept_are_paid_for(rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = [thought(TEN), threading.Event()]
    asked = send(rich_alice.id, "xyz" * 16)
    wait_for(lambda: upstream.requests, what="the provider to be asked")
    time.sleep(0.5)

    services.stop_generation(user_id=rich_alice.id, generation_id=asked.generation.id, now=clock.now())

    done, text = settled(rich_alice.id, asked.generation.id)
    assert (done.state, text, done.charged_milli) == (GenerationState.STOPPED, "", 30)
    assert generation(asked.generation.id).reasoning == TEN


@pytest.mark.parametrize(
    ("script", "charged"),
    [
        ([piece(TEN), reason("stop"), usage(30, 12), DONE], 42),
        # Without usage: our counts.
        ([piece(TEN), reason("stop"), DONE], 30),
        # What cannot be true, and what is above the hold of 20 and 2,000.
        ([piece(TEN), reason("stop"), usage(-30, -12), DONE], 30),
        ([piece(TEN), reason("stop"), usage(2_000_000, 2_000_000), DONE], 30),
        ([piece(TEN), reason("stop"), usage(30, 7_000), DONE], 2020),
        ([piece(TEN), Drop()], 30),
        ([Drop()], 0),
    ],
)
def test_an_answer_costs_what_its_provider_says_if_that_can_be_true(
    rich_alice: Member, upstream: Upstream, engine: EngineThread, script: Any, charged: int
) -> None:
    upstream.scripts["up-base"] = script

    done, _ = settled(rich_alice.id, send(rich_alice.id, "xyz" * 16).generation.id)

    assert done.charged_milli == charged
    assert services.quota_of(user_id=rich_alice.id, now=clock.now()).balance_milli == 5000 - charged


def test_the_length_that_was_paid_for_is_what_the_provider_is_asked_for(
    bob: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [piece(TEN), reason("length"), usage(20, 150), DONE]
    give_quota(bob.id, 170)

    done, _ = settled(bob.id, send(bob.id, "xyz" * 16).generation.id)

    assert upstream.requests[-1]["max_tokens"] == 150
    assert (done.is_shortened, done.finish_reason, done.charged_milli) == (True, "length", 170)
