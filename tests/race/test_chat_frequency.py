"""Real threads: however many questions come at once, a minute has as many as it may, and every refusal is counted."""

from functools import partial

import pytest

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import Asked
from apps.chat.errors import AskedTooOften
from apps.chat.models import Generation, Message
from apps.kernel import clock
from tests.integration.chat.conftest import give_quota, make_model, send, set_limits
from tests.race.concurrency import run_together
from tests.race.guards import guarded_by, replaced

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

THREADS = 20


def nobody_else(*_: object, **__: object) -> tuple[()]:
    """What a window says that does not count."""
    return ()


@guarded_by(replaced("apps.chat.services.chain.frequency.enter", nobody_else), seen="8 == 3")
def test_of_twenty_questions_at_once_a_minute_takes_three_and_counts_the_others(alice: Member) -> None:
    set_limits(free_per_day=0, max_running=THREADS, max_per_minute=3)
    give_quota(alice.id, 100_000)
    make_model()
    ask = partial(send, alice.id)

    outcomes = run_together([ask] * THREADS)

    taken: list[Asked] = outcomes.results
    assert len(taken) == 3
    assert outcomes.kinds == {AskedTooOften}
    assert (Generation.objects.count(), Message.objects.count()) == (3, 6)
    assert services.quota_of(user_id=alice.id, now=clock.now()).held_milli == 3000
    assert services.refusals_by_rule() == {"frequency": THREADS - 3}
    with pytest.raises(AskedTooOften):
        send(alice.id)
