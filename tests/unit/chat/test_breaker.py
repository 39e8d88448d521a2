"""When a channel is left alone, and when it is asked again."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.chat.contracts import BreakerState
from apps.chat.rules import Health, after_answer, after_failure, after_first_word, after_nothing, breaker

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def failed(health: Health, times: int, *, every: timedelta = timedelta(0), is_probe: bool = False) -> Health:
    for number in range(times):
        health = after_failure(health, now=NOON + number * every, is_probe=is_probe)
    return health


def half_open(health: Health) -> Health:
    return Health(
        state=BreakerState.HALF_OPEN, failures=health.failures, openings=health.openings, retry_at=NOON + breaker.PROBE
    )


def test_failures_in_a_row_leave_a_channel_alone_and_one_less_does_not() -> None:
    assert failed(Health(), breaker.FAILURES - 1).state is BreakerState.CLOSED

    health = failed(Health(), breaker.FAILURES)

    assert (health.state, health.retry_at) == (BreakerState.OPEN, NOON + breaker.FIRST_PAUSE)


def test_failures_that_are_far_apart_are_not_in_a_row() -> None:
    health = failed(Health(), 50, every=breaker.WINDOW + timedelta(seconds=1))

    assert (health.state, health.failures) == (BreakerState.CLOSED, 1)


def test_an_answer_between_failures_begins_the_count_anew() -> None:
    health = after_answer(failed(Health(), breaker.FAILURES - 1))

    assert health.is_well
    assert failed(health, breaker.FAILURES - 1).state is BreakerState.CLOSED


def test_a_late_failure_changes_nothing_and_a_late_answer_opens_no_door() -> None:
    health = failed(Health(), breaker.FAILURES)

    assert failed(health, 3) == health
    assert after_answer(health) == health
    assert failed(half_open(health), 3).state is BreakerState.HALF_OPEN
    assert after_first_word(half_open(health), is_probe=False).state is BreakerState.HALF_OPEN


def test_each_probe_that_fails_doubles_the_pause_up_to_a_limit() -> None:
    health, pauses = failed(Health(), breaker.FAILURES), []
    for _ in range(8):
        health = failed(half_open(health), 1, is_probe=True)
        assert health.retry_at is not None
        pauses.append((health.retry_at - NOON) / breaker.FIRST_PAUSE)

    assert pauses == [2, 4, 8, 16, 32, 40, 40, 40]


def test_the_first_word_of_a_probe_lets_all_ask_again_and_one_more_failure_ends_that() -> None:
    health = after_first_word(half_open(failed(Health(), breaker.FAILURES)), is_probe=True)

    assert (health.state, health.retry_at, health.is_well) == (BreakerState.CLOSED, None, False)
    again = failed(health, 1)
    assert (again.state, again.retry_at) == (BreakerState.OPEN, NOON + 2 * breaker.FIRST_PAUSE)
    assert after_answer(health).is_well


@pytest.mark.parametrize("is_probe", [True, False])
def test_a_probe_that_nobody_waited_for_can_be_made_again_at_once(is_probe: bool) -> None:
    before = half_open(failed(Health(), breaker.FAILURES))

    health = after_nothing(before, now=NOON, is_probe=is_probe)

    assert (health.state, health.retry_at) == (
        (BreakerState.OPEN, NOON) if is_probe else (BreakerState.HALF_OPEN, before.retry_at)
    )
