"""The audit finds what is broken, and nothing in a healthy campaign."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from django.db.models import F

from apps.accounts.contracts import Member
from apps.kernel.invariants import all_invariants
from apps.marketing import handlers, rules, selectors, services
from apps.marketing.contracts import Behaviour
from apps.marketing.events import PrizeWon
from apps.marketing.models import (
    Delivery,
    Draw,
    ExchangeItem,
    ExchangeOrder,
    ExchangeTally,
    Participation,
    PrizeStock,
    Rebate,
)
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON
from tests.rows import unguard

pytestmark = pytest.mark.django_db


@pytest.fixture
def history(alice: Member) -> Member:
    """Alice has drawn, won, been paid, been rewarded and exchanged."""
    activity = campaign.activity()
    campaign.publish(activity.id, campaign.sure(campaign.POINTS_PRIZE, activity.id, stock=10))
    campaign.give_chances(alice.id, activity.id, 12)
    campaign.draw(alice.id, activity.id)
    campaign.draw(alice.id, activity.id, count=10)
    for delivery in Delivery.objects.filter(state="pending"):
        handlers.on_prize_won(
            PrizeWon(draw_id=delivery.draw_id, delivery_id=delivery.id, user_id=alice.id, occurred_at=NOON)
        )
    services.save_rebate_rule(
        code="daily", title="Daily", behaviour="sign_in", points=3, chances=1, activity_id=activity.id, now=NOON
    )
    services.grant_rebates(user_id=alice.id, behaviour=Behaviour.SIGN_IN, behaviour_key="sign_in:1", now=NOON)
    item_id = services.save_exchange_item(
        code="credits", title="5 credits", kind="quota", amount=5000, price_points=2, now=NOON
    )
    services.exchange(user_id=alice.id, item_id=item_id, quantity=3, request_id="tap-one", now=NOON)
    return alice


def broken() -> set[str]:
    """The numbers of marketing's invariants that are broken ten minutes after noon."""
    later = NOON + timedelta(minutes=10)
    ours = [check for check in all_invariants() if check.check.__module__ == "apps.marketing.invariants"]
    return {check.number for check in ours if list(check.check(later))}


def test_a_healthy_campaign_has_no_breach(history: Member) -> None:
    assert broken() == set()


def _stock_without_a_winner() -> None:
    PrizeStock.objects.update(total=F("total") + 1, issued=F("issued") + 1)


def _miscounted_total() -> None:
    Participation.objects.update(drawn_total=F("drawn_total") + 1)


def _miscounted_day() -> None:
    Participation.objects.update(drawn_day=F("drawn_day") - 1)


def _miscounted_month() -> None:
    Participation.objects.update(drawn_month=F("drawn_month") + 1)


def _done_without_effect() -> None:
    done = Delivery.objects.filter(state="done").exclude(kind="nothing").order_by("pk")[0]
    # Its money arrived; another one claims the same without any.
    Delivery.objects.filter(pk=done.pk).update(amount=done.amount + 1)


def _owed() -> None:
    first = Delivery.objects.exclude(kind="nothing").order_by("pk")[0]
    Delivery.objects.filter(pk=first.pk).update(state="pending", done_at=None)


def _lost_delivery() -> None:
    Delivery.objects.filter(pk=Delivery.objects.filter(kind="nothing").order_by("pk")[0].pk).delete()


def _sold_without_order() -> None:
    ExchangeItem.objects.update(sold=F("sold") + 1)


def _counted_without_order() -> None:
    ExchangeTally.objects.update(bought=F("bought") - 1)


def _free_order() -> None:
    order = ExchangeOrder.objects.get()
    order.pk, order.request_id = uuid4(), "never-paid"
    order.save(force_insert=True)


def _unpaid_rebate() -> None:
    rebate = Rebate.objects.get()
    rebate.pk, rebate.behaviour_key = uuid4(), "sign_in:2"
    rebate.save(force_insert=True)


def _replaced_seed() -> None:
    Participation.objects.update(server_seed="00" * 32)


GUARDED = [
    "marketing_draw",
    "marketing_rebate",
    "marketing_signin",
    "marketing_exchangeorder",
    "marketing_oddsversion",
    "marketing_prize",
]


@pytest.mark.parametrize(
    ("damage", "numbers"),
    [
        (_stock_without_a_winner, {"I-21"}),
        (_miscounted_total, {"I-22"}),
        (_miscounted_day, {"I-22"}),
        (_miscounted_month, {"I-22"}),
        (_done_without_effect, {"I-28", "I-30"}),
        (_owed, {"I-29", "I-30"}),
        (_lost_delivery, {"I-28"}),
        (_sold_without_order, {"I-44"}),
        (_counted_without_order, {"I-44"}),
        (_free_order, {"I-44"}),
        (_unpaid_rebate, {"I-41"}),
        (_replaced_seed, {"I-25"}),
        *((partial(unguard, table), {"I-02"}) for table in GUARDED),
    ],
)
def test_damage_is_named(history: Member, damage: Callable[[], None], numbers: set[str]) -> None:
    damage()

    assert broken() == numbers


def forge(**changes: object) -> None:
    """Write a draw that differs from Alice's first one."""
    row = Draw.objects.order_by("pk")[0]
    row.pk, row.request_id, row.ordinal, row.request_count, row.nonce = uuid4(), "forged", 10, 11, 99
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(force_insert=True)


def test_a_forged_draw_does_not_recompute(history: Member) -> None:
    forge()

    # Another nonce leads to another roll; nobody took a chance, counted, issued or delivered it.
    assert broken() == {"I-19", "I-21", "I-22", "I-25", "I-28"}


def test_a_draw_with_another_prize_than_rolled_is_found(history: Member) -> None:
    first = Draw.objects.filter(fallback_reason="").order_by("pk")[0]
    other: UUID = Draw.objects.exclude(prize_id=first.prize_id).order_by("pk")[0].prize_id
    forge(nonce=12, prize_id=other, rolled_prize_id=other)

    assert "I-25" in broken()


def test_a_draw_by_a_seed_that_was_not_promised_is_found(history: Member) -> None:
    """A roll that recomputes is not enough: an insider could choose the seed after the client's."""
    last = Draw.objects.order_by("nonce").last()
    assert last is not None
    odds = selectors.published_odds(version_id=last.odds_id)
    seed = "00" * 32
    roll = rules.roll(
        server_seed=seed, version_id=last.odds_id, client_seed="", nonce=last.nonce + 1, total=odds.declared_total
    )
    prize_id = odds.prizes[rules.pick(odds.bounds, roll)].id
    forge(
        nonce=last.nonce + 1,
        server_seed=seed,
        client_seed="",
        roll=roll,
        rolled_prize_id=prize_id,
        prize_id=prize_id,
        fallback_reason="",
        chance_id=last.chance_id,
    )

    assert "I-25" in broken()


def test_a_draw_before_its_publication_is_found(history: Member) -> None:
    forge(created_at=NOON - timedelta(days=26))

    assert "I-26" in broken()
