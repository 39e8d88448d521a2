"""Real threads against PostgreSQL: an API key's cap for one message admits one, and what comes back adds up."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from apps.accounts import services as accounts
from apps.accounts.contracts import IdentifiedKey, Member
from apps.accounts.errors import ApiKeyNotValid, KeySpendCapReached, TooManyApiKeys
from apps.accounts.models import ApiKey
from apps.chat import errors, services
from apps.chat.models import UNSETTLED, ChatModel, Generation
from apps.kernel import clock
from tests.integration.chat.conftest import give_quota, make_model, send, set_limits
from tests.race.concurrency import run_concurrently, run_together
from tests.race.guards import Rewritten, dropped, guarded_by, locks, nothing, replaced, taken_as_read

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

WORKERS = 50
# What "hello" comes to by our count.
QUESTION_TOKENS = 6
# Who spends or gives back writes what follows from what was spent when all began.
LOST_UPDATES = Rewritten(
    'UPDATE "accounts_apikey"', r'\("accounts_apikey"."spent_milli" (?=[+-])', "(10000 ", only_of_rivals=True
)


@pytest.fixture
def rich(alice: Member) -> Member:
    """Alice, with quota for all of them."""
    make_model()
    set_limits(free_per_day=0, max_running=2 * WORKERS)
    give_quota(alice.id, 1000 * WORKERS)
    return alice


def key_with_cap(member: Member, cap: int | None, **limits: Any) -> IdentifiedKey:
    made = accounts.create_api_key(
        user_id=member.id, name="script", scopes=("chat",), spend_cap_milli=cap, now=clock.now(), **limits
    )
    return accounts.identify_key(key=made.key, address="127.0.0.1", now=clock.now())


def asking(member: Member, key: IdentifiedKey) -> list[Callable[[], object]]:
    made = [services.create_conversation(user_id=member.id, now=clock.now()).id for _ in range(WORKERS)]
    return [partial(send, member.id, conversation_id=conversation_id, key=key) for conversation_id in made]


@guarded_by(
    taken_as_read('UPDATE "accounts_apikey"', r'"accounts_apikey"\."spend_cap_milli" >= \(.*?\)\)'),
    dropped("accounts_apikey_spent_within_cap"),
    seen="8 == 1",
)
def test_a_cap_for_one_message_admits_exactly_one_of_fifty(rich: Member) -> None:
    outcomes = run_together(asking(rich, key_with_cap(rich, 1999)))

    assert len(outcomes.results) == 1
    assert outcomes.kinds == {KeySpendCapReached}
    assert ApiKey.objects.get().spent_milli == 1000
    assert Generation.objects.count() == 1
    assert services.quota_of(user_id=rich.id, now=clock.now()).held_milli == 1000


@guarded_by(LOST_UPDATES, seen="== ")
def test_giving_back_and_spending_at_once_add_up(rich: Member) -> None:
    key = key_with_cap(rich, 10_000)
    asked = [send(rich.id, key=key) for _ in range(10)]
    stops: list[Callable[[], object]] = [
        partial(services.stop_generation, user_id=rich.id, generation_id=one.generation.id, now=clock.now())
        for one in asked
    ]

    outcomes = run_together([*asking(rich, key)[:20], *stops])

    assert outcomes.kinds <= {KeySpendCapReached}
    running = Generation.objects.filter(state="queued").count()
    assert ApiKey.objects.get().spent_milli == 1000 * running <= 10_000


@guarded_by(replaced("apps.chat.services.paying._check_room_of_key", nothing), seen="8 == 2")
def test_a_key_for_two_answers_at_once_admits_exactly_two_of_fifty(rich: Member) -> None:
    outcomes = run_together(asking(rich, key_with_cap(rich, None, max_parallel=2)))

    assert len(outcomes.results) == 2
    assert outcomes.kinds == {errors.TooManyRunning}
    assert ApiKey.objects.get().spent_milli == 2000
    assert services.quota_of(user_id=rich.id, now=clock.now()).held_milli == 2000


@guarded_by(replaced("apps.chat.services.starting.check_key_tokens", nothing), seen="8 == 2")
def test_the_last_tokens_of_a_minute_go_to_exactly_two_of_fifty(rich: Member) -> None:
    one = ChatModel.objects.get().max_output_tokens + QUESTION_TOKENS
    key = key_with_cap(rich, None, tokens_per_minute=3 * one - 1)

    outcomes = run_together(asking(rich, key))

    assert len(outcomes.results) == 2
    assert outcomes.kinds == {errors.KeyTokensUsedUp}
    assert {getattr(error, "context", {}).get("remaining") for error in outcomes.errors} == {one - 1}
    assert ApiKey.objects.get().spent_milli == 2000
    assert services.quota_of(user_id=rich.id, now=clock.now()).held_milli == 2000


@pytest.mark.parametrize("free_per_day", [0, WORKERS], ids=["quota", "free"])
@guarded_by(
    taken_as_read('UPDATE "accounts_apikey" SET "spent_milli"', r'"accounts_apikey"\."revoked_at" IS NULL'),
    # One of those who ask, and whoever revokes it, who is through by then.
    meet='UPDATE "accounts_apikey" SET "spent_milli"',
    wait_for=2,
    seen="not stopped",
    each=True,
)
def test_what_begins_while_its_key_is_revoked_is_refused_or_stopped(rich: Member, free_per_day: int) -> None:
    set_limits(free_per_day=free_per_day, max_running=2 * WORKERS)
    key = key_with_cap(rich, None)

    def revoke() -> None:
        accounts.revoke_api_key(user_id=rich.id, key_id=key.key_id, now=clock.now())
        # As the event does, as soon as the key is gone.
        services.stop_answers_of_key(user_id=rich.id, key_id=key.key_id, now=clock.now())

    outcomes = run_together([revoke, *asking(rich, key)])

    assert outcomes.kinds <= {ApiKeyNotValid}
    assert not Generation.objects.filter(state__in=UNSETTLED).exists(), "not stopped"
    assert ApiKey.objects.get().spent_milli == 0
    assert services.quota_of(user_id=rich.id, now=clock.now()).held_milli == 0


@guarded_by(locks("accounts_user"), meet='INSERT INTO "accounts_apikey"', seen="8, 26")
def test_fifty_requests_make_no_more_keys_than_a_member_may_have(alice: Member) -> None:
    def make() -> object:
        return accounts.create_api_key(user_id=alice.id, name="script", scopes=("chat",), now=clock.now())

    for _ in range(18):
        make()

    outcomes = run_concurrently(make, workers=WORKERS)

    assert (len(outcomes.results), ApiKey.objects.count()) == (2, 20)
    assert outcomes.kinds == {TooManyApiKeys}
