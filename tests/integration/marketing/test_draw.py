"""A draw: what it takes, what it records, when it refuses, and what a repeat gets."""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.accounts.errors import MemberFrozen
from apps.kernel import switches
from apps.kernel.errors import IdempotencyKeyReused
from apps.kernel.models import OutboxEvent
from apps.marketing import errors, services
from apps.marketing.contracts import ActivityState, Limits
from apps.marketing.draws.selectors import draw_of
from apps.marketing.models import Delivery, Draw, PrizeStock
from apps.marketing.prizes.services import check_no_prize_on_its_way
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON, POINTS_PRIZE, QUOTA, THANKS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sound_books() -> Iterator[None]:
    """Whatever a test did, the audit finds nothing."""
    yield
    assert campaign.breaches() == []


def test_a_draw_takes_one_chance_and_owes_one_delivery(alice: Member) -> None:
    activity = campaign.activity()
    campaign.publish(activity.id, campaign.sure(QUOTA, activity.id))
    campaign.give_chances(alice.id, activity.id, 3)

    receipt = campaign.draw(alice.id, activity.id)

    (won,) = receipt.draws
    assert (won.title, won.kind, won.amount, won.position) == ("5 credits", "quota", 5000, 0)
    assert won.delivery_state == "pending"
    assert campaign.chances(alice.id, activity.id) == 2
    delivery = Delivery.objects.get(draw_id=won.id)
    assert (delivery.user_id, delivery.kind, delivery.amount) == (alice.id, "quota", 5000)
    event = OutboxEvent.objects.get(topic="marketing.prize_won")
    assert event.payload["delivery_id"] == str(delivery.id)


def test_a_draw_that_wins_nothing_is_delivered_at_once(alice: Member) -> None:
    activity = campaign.activity([replace(THANKS, weight=1)])
    campaign.give_chances(alice.id, activity.id)

    receipt = campaign.draw(alice.id, activity.id)

    assert receipt.draws[0].delivery_state == "done"
    assert not OutboxEvent.objects.filter(topic="marketing.prize_won").exists()


def test_anybody_can_recompute_a_roll_from_its_proof(alice: Member) -> None:
    activity = campaign.activity()
    campaign.give_chances(alice.id, activity.id)
    promised = services.account_of(user_id=alice.id, activity_id=activity.id, now=NOON).next_seed_hash

    proof = campaign.draw(alice.id, activity.id, client_seed="my-own-words").draws[0].proof

    seed = bytes.fromhex(proof.server_seed)
    assert hashlib.sha256(seed).hexdigest() == promised == proof.server_seed_hash
    message = f"{proof.version_id}|my-own-words|0".encode()
    digest = hmac.new(seed, message, "sha256").digest()
    words = [int.from_bytes(digest[at : at + 8], "big") for at in (0, 8, 16, 24)]
    assert proof.roll == next(word for word in words if word < 2**64 - 2**64 % 10) % 10


def test_every_request_has_a_new_seed_that_the_one_before_promised(alice: Member) -> None:
    activity = campaign.activity()
    campaign.give_chances(alice.id, activity.id, 2)

    first = campaign.draw(alice.id, activity.id)
    second = campaign.draw(alice.id, activity.id)

    assert second.draws[0].proof.server_seed_hash == first.next_seed_hash
    assert second.draws[0].proof.server_seed != first.draws[0].proof.server_seed
    assert [first.draws[0].proof.nonce, second.draws[0].proof.nonce] == [0, 1]


def test_ten_draws_are_one_request_with_ten_results(alice: Member) -> None:
    activity = campaign.activity()
    campaign.give_chances(alice.id, activity.id, 11)

    receipt = campaign.draw(alice.id, activity.id, count=10)

    assert [won.proof.nonce for won in receipt.draws] == list(range(10))
    assert campaign.chances(alice.id, activity.id) == 1
    assert Draw.objects.filter(chance_id=Draw.objects.first().chance_id).count() == 10  # type: ignore[union-attr]


def test_ten_draws_with_nine_chances_take_none(alice: Member) -> None:
    activity = campaign.activity()
    campaign.give_chances(alice.id, activity.id, 9)

    with pytest.raises(errors.NoChances):
        campaign.draw(alice.id, activity.id, count=10)

    assert campaign.chances(alice.id, activity.id) == 9
    assert not Draw.objects.exists()


def test_a_sold_out_prize_pays_the_declared_fallback(alice: Member) -> None:
    activity = campaign.activity()
    other = services.save_stock(activity_id=activity.id, code="other", total=10, now=NOON)
    campaign.publish(activity.id, campaign.sure(QUOTA, activity.id, stock=1))
    campaign.give_chances(alice.id, activity.id, 10)

    receipt = campaign.draw(alice.id, activity.id, count=10)

    assert [won.kind for won in receipt.draws] == ["quota"] + ["nothing"] * 9
    assert [won.fallback_reason for won in receipt.draws] == [""] + ["sold_out"] * 9
    assert PrizeStock.objects.exclude(pk=other.id).get().issued == 1
    assert PrizeStock.objects.get(pk=other.id).issued == 0
    missed = receipt.draws[1]
    assert missed.rolled_prize_id == receipt.draws[0].prize_id


@pytest.mark.parametrize("count", [0, 2, 9, 11, -1])
def test_only_one_or_ten_draws_are_offered(alice: Member, count: int) -> None:
    activity = campaign.activity()
    campaign.give_chances(alice.id, activity.id, 20)

    with pytest.raises(errors.CountNotOffered):
        campaign.draw(alice.id, activity.id, count=count)

    assert campaign.chances(alice.id, activity.id) == 20


@pytest.mark.parametrize("seed", ["a|b", "x" * 65, "种子", "a b", "a\n"])
def test_a_client_seed_cannot_carry_the_separator(alice: Member, seed: str) -> None:
    activity = campaign.activity()
    campaign.give_chances(alice.id, activity.id)

    with pytest.raises(errors.ClientSeedInvalid):
        campaign.draw(alice.id, activity.id, client_seed=seed)


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        (ActivityState.DRAFT, errors.ActivityNotFound),
        (ActivityState.PAUSED, errors.ActivityPaused),
        (ActivityState.ENDED, errors.ActivityEnded),
    ],
)
def test_an_activity_that_is_not_live_takes_no_chance(
    alice: Member, state: ActivityState, refusal: type[Exception]
) -> None:
    activity = campaign.activity(state=state)
    campaign.give_chances(alice.id, activity.id)

    with pytest.raises(refusal):
        campaign.draw(alice.id, activity.id)

    assert campaign.chances(alice.id, activity.id) == 1
    assert not Draw.objects.exists()


@pytest.mark.parametrize(
    ("moment", "refusal"),
    [
        (NOON - timedelta(days=20, seconds=1), errors.ActivityNotStarted),
        (NOON + timedelta(days=20), errors.ActivityEnded),
    ],
)
def test_outside_its_window_an_activity_takes_no_chance(
    alice: Member, moment: datetime, refusal: type[Exception]
) -> None:
    activity = campaign.activity()
    campaign.give_chances(alice.id, activity.id)

    with pytest.raises(refusal):
        campaign.draw(alice.id, activity.id, now=moment)

    assert campaign.chances(alice.id, activity.id) == 1


def test_an_activity_without_published_odds_takes_no_chance(alice: Member) -> None:
    unpublished = services.save_activity(
        code="bare",
        title="Bare",
        subtitle="",
        starts_at=NOON - timedelta(days=1),
        ends_at=NOON + timedelta(days=1),
        time_zone="Asia/Shanghai",
        limits=Limits(),
        now=NOON,
    )
    campaign.give_chances(alice.id, unpublished.id)

    with pytest.raises(errors.ActivityNotReady):
        campaign.set_state(unpublished.id, ActivityState.LIVE)
    with pytest.raises(errors.ActivityNotFound):
        campaign.draw(alice.id, unpublished.id)

    assert campaign.chances(alice.id, unpublished.id) == 1


def test_a_draw_without_a_chance_changes_nothing(alice: Member) -> None:
    activity = campaign.activity()

    with pytest.raises(errors.NoChances):
        campaign.draw(alice.id, activity.id)

    assert not Draw.objects.exists()
    assert not OutboxEvent.objects.filter(topic="marketing.prize_won").exists()


def test_a_frozen_member_keeps_the_chance(alice: Member) -> None:
    activity = campaign.activity()
    campaign.give_chances(alice.id, activity.id)
    accounts.freeze(user_id=alice.id, actor="staff:1", reason="abuse", now=NOON)

    with pytest.raises(MemberFrozen):
        campaign.draw(alice.id, activity.id)

    assert campaign.chances(alice.id, activity.id) == 1


def test_an_operator_can_switch_draws_off(alice: Member) -> None:
    activity = campaign.activity()
    campaign.give_chances(alice.id, activity.id)
    switches.flip(name="marketing.draws", is_on=False, actor="staff:1", reason="audit", now=NOON)
    try:
        with pytest.raises(errors.DrawsSwitchedOff):
            campaign.draw(alice.id, activity.id)
    finally:
        switches.flip(name="marketing.draws", is_on=True, actor="staff:1", reason="audit", now=NOON)

    assert campaign.chances(alice.id, activity.id) == 1


def test_the_same_request_draws_once(alice: Member) -> None:
    activity = campaign.activity()
    campaign.give_chances(alice.id, activity.id, 2)

    first = campaign.draw(alice.id, activity.id, request_id="tap-one")
    again = campaign.draw(alice.id, activity.id, request_id="tap-one")

    assert again == first
    assert campaign.chances(alice.id, activity.id) == 1


def test_a_repeat_finds_its_result_after_the_chances_and_the_activity_are_gone(alice: Member) -> None:
    activity = campaign.activity()
    campaign.give_chances(alice.id, activity.id)
    first = campaign.draw(alice.id, activity.id, request_id="tap-one")
    campaign.set_state(activity.id, ActivityState.ENDED)

    assert campaign.draw(alice.id, activity.id, request_id="tap-one") == first


def test_a_request_id_cannot_be_used_for_something_else(alice: Member) -> None:
    activity = campaign.activity()
    campaign.give_chances(alice.id, activity.id, 20)
    campaign.draw(alice.id, activity.id, request_id="tap-one")

    with pytest.raises(IdempotencyKeyReused):
        campaign.draw(alice.id, activity.id, request_id="tap-one", count=10)
    with pytest.raises(IdempotencyKeyReused):
        campaign.draw(alice.id, activity.id, request_id="tap-one", client_seed="another")
    with pytest.raises(IdempotencyKeyReused):
        campaign.draw(alice.id, campaign.activity().id, request_id="tap-one")

    assert campaign.chances(alice.id, activity.id) == 19


def test_two_members_may_use_the_same_request_id(alice: Member, bob: Member) -> None:
    activity = campaign.activity()
    for member in (alice, bob):
        with pytest.raises(errors.NoChances):
            campaign.draw(member.id, activity.id, request_id="tap-one")
        campaign.give_chances(member.id, activity.id)
        campaign.draw(member.id, activity.id, request_id="tap-one")

    assert Draw.objects.count() == 2


def test_a_draw_belongs_to_its_member_alone(alice: Member, bob: Member) -> None:
    activity = campaign.activity()
    for member in (alice, bob):
        campaign.give_chances(member.id, activity.id)
    campaign.publish(activity.id, campaign.sure(QUOTA, activity.id))
    drawn = campaign.draw(alice.id, activity.id).draws[0]

    assert draw_of(user_id=alice.id, draw_id=drawn.id) == drawn
    assert check_no_prize_on_its_way(user_id=alice.id) is not None
    assert check_no_prize_on_its_way(user_id=bob.id) is None
    assert [entry["amount"] for entry in services.export_chance_entries(user_id=alice.id)] == [-1, 1]
    with pytest.raises(errors.DrawNotFound):
        draw_of(user_id=bob.id, draw_id=drawn.id)


# Limits -------------------------------------------------------------------------------------------


def test_the_day_limit_ends_at_midnight_of_the_activity(alice: Member) -> None:
    activity = campaign.activity(limits=Limits(day=1))
    campaign.give_chances(alice.id, activity.id, 3)
    last_second = datetime(2026, 11, 21, 15, 59, 59, tzinfo=UTC)  # 23:59:59 in Shanghai

    campaign.draw(alice.id, activity.id, now=last_second)
    with pytest.raises(errors.LimitReached) as refusal:
        campaign.draw(alice.id, activity.id, now=last_second)
    campaign.draw(alice.id, activity.id, now=last_second + timedelta(seconds=1))

    assert refusal.value.context == {"scope": "day", "limit": 1, "left": 0}
    assert campaign.chances(alice.id, activity.id) == 1


def test_the_same_moments_are_one_day_elsewhere(alice: Member) -> None:
    activity = campaign.activity(limits=Limits(day=1), time_zone="America/New_York")
    campaign.give_chances(alice.id, activity.id, 2)
    moment = datetime(2026, 11, 21, 15, 59, 59, tzinfo=UTC)

    campaign.draw(alice.id, activity.id, now=moment)
    with pytest.raises(errors.LimitReached):
        campaign.draw(alice.id, activity.id, now=moment + timedelta(seconds=1))


def test_the_month_limit_ends_with_the_month_of_the_activity(alice: Member) -> None:
    activity = campaign.activity(limits=Limits(month=2))
    campaign.give_chances(alice.id, activity.id, 5)
    last_second = datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC)  # the last of November in Shanghai

    campaign.draw(alice.id, activity.id, now=NOON)
    campaign.draw(alice.id, activity.id, now=last_second)
    with pytest.raises(errors.LimitReached) as refusal:
        campaign.draw(alice.id, activity.id, now=last_second)
    campaign.draw(alice.id, activity.id, now=last_second + timedelta(seconds=1))

    assert refusal.value.context["scope"] == "month"


def test_the_total_limit_counts_for_ever_and_a_ten_draw_must_fit(alice: Member) -> None:
    activity = campaign.activity(limits=Limits(total=11))
    campaign.give_chances(alice.id, activity.id, 30)
    campaign.draw(alice.id, activity.id)
    campaign.draw(alice.id, activity.id)

    with pytest.raises(errors.LimitReached) as refusal:
        campaign.draw(alice.id, activity.id, count=10, now=NOON + timedelta(days=15))

    assert refusal.value.context == {"scope": "total", "limit": 11, "left": 9}
    assert campaign.chances(alice.id, activity.id) == 28


def test_the_account_says_what_chances_and_limits_leave(alice: Member) -> None:
    activity = campaign.activity(limits=Limits(day=3, month=10, total=100))
    campaign.give_chances(alice.id, activity.id, 8)
    campaign.draw(alice.id, activity.id)

    account = services.account_of(user_id=alice.id, activity_id=activity.id, now=NOON)

    assert (account.chances, account.left_today, account.left_month) == (7, 2, 7)
    assert (account.used_total, account.used_month, account.used_day) == (1, 1, 1)
    tomorrow = services.account_of(user_id=alice.id, activity_id=activity.id, now=NOON + timedelta(days=1))
    assert (tomorrow.used_day, tomorrow.left_today) == (0, 3)
    other = services.account_of(user_id=alice.id, activity_id=campaign.activity().id, now=NOON)
    assert (other.chances, other.used_total, other.nonce) == (0, 0, 0)
    assert other.next_seed_hash != account.next_seed_hash


# Cost ---------------------------------------------------------------------------------------------


def test_a_draw_of_a_limited_prize_costs_eleven_statements(alice: Member) -> None:
    activity = campaign.activity()
    campaign.publish(activity.id, campaign.sure(POINTS_PRIZE, activity.id, stock=5))
    campaign.give_chances(alice.id, activity.id, 2)
    campaign.draw(alice.id, activity.id)  # the odds are in memory from now on

    with CaptureQueriesContext(connection) as captured:
        campaign.draw(alice.id, activity.id)

    statements = [query["sql"] for query in captured]
    # The test's own transaction is open, so the draw's begins and ends with a savepoint.
    begins = next(at for at, sql in enumerate(statements) if sql.startswith("SAVEPOINT"))
    inside = [sql for sql in statements[begins:] if not sql.startswith(("SAVEPOINT", "RELEASE"))]
    assert len(inside) <= 11, "\n".join(inside)
    # Before it: the switches if the last look was a second ago.
    assert begins <= 1, statements[:begins]
