"""kill -9 of who asks and of who sweeps, at every point: asked again it is asked once, swept again it ends once."""

from datetime import timedelta
from uuid import UUID

import pytest

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import BreakerState, GenerationState
from apps.chat.models import ChannelHealth, Conversation, Generation, Message
from apps.chat.rules import breaker
from apps.chat.services.health import has_failed
from apps.kernel import clock
from apps.ledger.models import Hold
from tests.integration.chat.conftest import generation, make_model
from tests.integration.chat.crashes import (
    COST,
    RICH,
    Pay,
    assert_nobody_paid,
    books,
    breaches,
    of_this_test,
    sell,
    untouched,
    var,
)
from tests.power_cut import Cut, dying_process, wait_until_killed

pytestmark = pytest.mark.django_db(transaction=True)

ASK = """
from uuid import UUID
from apps.accounts.contracts import IdentifiedKey
from apps.chat import services
from apps.kernel import clock
user_id, key_id = UUID({user!r}), {key!r}
key = key_id and IdentifiedKey(key_id=UUID(key_id), user_id=user_id, scopes=frozenset(["chat"]), allowed_models=())
services.ask_question(
    user_id=user_id, conversation_id=UUID({conversation!r}), text="hello", model="base", client_id="client-0001",
    key=key, now=clock.now(),
)
"""
SWEEP = """
from datetime import timedelta
from apps.chat import services
from apps.kernel import clock
services.settle_abandoned(now=clock.now() + timedelta(seconds=20))
"""
GENERATION = 'INSERT INTO "chat_generation"'
UNASKED = (
    ('INSERT INTO "chat_message"', Pay.ANSWER),
    (r"\s*INSERT INTO chat_freeuse", Pay.FREE),
    (r"\s*UPDATE ledger_account", Pay.TOKEN),
    ("INSERT INTO ledger_hold", Pay.ENTITLED),
    ('UPDATE "accounts_apikey"', Pay.KEY),
    ('UPDATE "chat_conversation"', Pay.KEY),
    (GENERATION, Pay.TOKEN),
)
UNSWEPT = (
    (r'UPDATE "chat_generation" SET "state"', Pay.FREE),
    (r"\s*INSERT INTO chat_freeuse", Pay.FREE),
    ('INSERT INTO "chat_answerusage"', Pay.ENTITLED),
    (r"\s*UPDATE ledger_hold", Pay.TOKEN),
    (r"\s*UPDATE ledger_account", Pay.ANSWER),
    ('UPDATE "accounts_apikey"', Pay.KEY),
    ('UPDATE "chat_channelhealth"', Pay.KEY),
)


class Asker:
    """Alice, who asks the model "base", herself or in a process that dies over it."""

    def __init__(self, alice: Member, pay: Pay) -> None:
        make_model()
        services.save_route_cost(model_code="base", channel_code="test", cost=COST, now=clock.now())
        self.alice, self.key = alice, sell(alice, pay)
        self.conversation = services.create_conversation(user_id=alice.id, now=clock.now()).id

    def ask(self) -> UUID:
        """The same question, however often."""
        return services.ask_question(
            user_id=self.alice.id,
            conversation_id=self.conversation,
            text="hello",
            model="base",
            client_id="client-0001",
            key=self.key,
            now=clock.now(),
        ).generation.id

    def die_over(self, cut: Cut) -> None:
        """Ask, and be killed there."""
        key = self.key and str(self.key.key_id)
        work = ASK.format(user=str(self.alice.id), conversation=str(self.conversation), key=key)
        wait_until_killed(dying_process(work, cut, var=var(), **of_this_test()))


@pytest.mark.parametrize(("statement", "pay"), UNASKED, ids=lambda part: getattr(part, "name", part))
def test_a_question_whose_process_is_killed_before_its_commit_was_never_asked(
    rich_alice: Member, statement: str, pay: Pay
) -> None:
    asker = Asker(rich_alice, pay)

    asker.die_over(Cut(statement))

    assert [model.objects.count() for model in (Message, Generation, Hold)] == [0, 0, 0]
    assert Conversation.objects.get().head is None
    assert books(rich_alice) == untouched(pay)
    # The same again is asked, once.
    assert asker.ask() == asker.ask() == Generation.objects.get().pk
    assert breaches(clock.now()) == []


@pytest.mark.parametrize("pay", Pay, ids=lambda pay: pay.name)
def test_a_question_whose_process_is_killed_before_it_wakes_an_engine_is_asked_once(
    rich_alice: Member, pay: Pay
) -> None:
    asker = Asker(rich_alice, pay)

    asker.die_over(Cut(GENERATION, "committed"))

    asked = Generation.objects.get()
    held = books(rich_alice)
    assert (held.balance, held.held, held.free_left) == (RICH, asked.held_milli, 0)
    assert (asked.held_milli > 0, held.spent > 0) == (pay is not Pay.FREE, pay is Pay.KEY)
    assert asker.ask() == asked.pk
    assert (books(rich_alice), Message.objects.count()) == (held, 2)
    assert breaches(clock.now()) == []
    # No engine was told; whoever looks finds it.
    assert [job.generation_id for job in services.claim_jobs(limit=9, now=clock.now())] == [asked.pk]


def lose(asker: Asker) -> UUID:
    """An answer whose engine died once a word of it was saved; it was the probe of its channel."""
    asked = asker.ask()
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    target, past = job.targets[0], clock.now() - timedelta(minutes=1)
    for _ in range(breaker.FAILURES):
        has_failed(target=target, generation_id=UUID(int=0), code="upstream_failed", now=past)
    assert services.begin_probe(channel=target.channel, generation_id=asked, now=clock.now())
    assert services.keep_text(
        generation_id=asked, lease_token=job.lease_token, text="so far", route_id=target.route_id, now=clock.now()
    )
    return asked


@pytest.mark.parametrize(("statement", "pay"), UNSWEPT, ids=lambda part: getattr(part, "name", part))
def test_a_sweep_that_is_killed_before_its_commit_has_swept_nothing(
    rich_alice: Member, statement: str, pay: Pay
) -> None:
    asker = Asker(rich_alice, pay)
    asked = lose(asker)
    before = books(rich_alice)

    wait_until_killed(dying_process(SWEEP, Cut(statement), var=var(), **of_this_test()))

    assert generation(asked).state == GenerationState.RUNNING
    assert books(rich_alice) == before
    assert ChannelHealth.objects.get().probe_of == asked
    assert_swept_once(rich_alice, asked, pay, left=1)


def test_a_sweep_that_is_killed_after_its_commit_has_swept(rich_alice: Member) -> None:
    asked = lose(Asker(rich_alice, Pay.KEY))

    sweep = Cut('UPDATE "chat_generation" SET "state"', "committed")
    wait_until_killed(dying_process(SWEEP, sweep, var=var(), **of_this_test()))

    assert_swept_once(rich_alice, asked, Pay.KEY, left=0)


def assert_swept_once(alice: Member, asked: UUID, pay: Pay, *, left: int) -> None:
    """Another sweep has so many to settle, and none after it; then nobody has paid, and its channel may be tried."""
    later = clock.now() + timedelta(seconds=25)
    assert [services.settle_abandoned(now=later) for _ in range(2)] == [left, 0]
    assert_nobody_paid(asked, text="so far", channel="test", now=later)
    assert books(alice) == untouched(pay, unpaid=1)
    health = ChannelHealth.objects.get()
    assert (health.state, health.probe_of) == (BreakerState.OPEN, None)
    assert health.retry_at is not None
    assert health.retry_at <= later
