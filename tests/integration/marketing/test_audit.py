"""The audit finds what is broken, and nothing in a healthy campaign."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import F

from apps.accounts.contracts import Member
from apps.chat.contracts import QUOTA
from apps.kernel.invariants import all_invariants, audit_recent
from apps.ledger import services as ledger
from apps.ledger.contracts import Cause
from apps.ledger.models import Transfer
from apps.marketing import handlers, services
from apps.marketing.campaigns.contracts import ActivityState
from apps.marketing.campaigns.services import set_activity_state
from apps.marketing.contracts import PAYMENT, POINTS, SIGN_IN, AdjustedAsset
from apps.marketing.draws import rules as draws_rules
from apps.marketing.events import PrizeWon
from apps.marketing.models import (
    Activity,
    Delivery,
    Draw,
    ExchangeItem,
    ExchangeOrder,
    ExchangeTally,
    PrizeStock,
    Rebate,
    Seat,
    SignIn,
)
from apps.marketing.odds.selectors import published_odds
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON
from tests.integration.marketing.test_adjustments import adjust, request_of
from tests.integration.orders.conftest import pack, place
from tests.integration.orders.wechat_server import WechatServer, wechat
from tests.rows import unguard, unguard_all

__all__ = ["wechat"]  # a fixture

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
    services.sign_in(user_id=alice.id, now=NOON)
    deed = f"sign_in:{SignIn.objects.get().pk}"
    services.grant_rebates(user_id=alice.id, behaviour=SIGN_IN, behaviour_key=deed, now=NOON)
    item_id = services.save_exchange_item(
        code="credits", title="5 credits", kind="quota", amount=5000, price_points=2, now=NOON
    )
    services.exchange(user_id=alice.id, item_id=item_id, quantity=3, request_id="tap-one", now=NOON)
    return alice


def broken() -> set[str]:
    """The numbers of marketing's invariants that are broken ten minutes after noon."""
    later = NOON + timedelta(minutes=10)
    ours = [
        item
        for item in all_invariants()
        if item.check.__module__.startswith("apps.marketing.") or item.number == "I-62"
    ]
    return {check.number for check in ours if list(check.check(later))}


def test_a_healthy_campaign_has_no_breach(history: Member) -> None:
    assert broken() == set()


def test_the_minute_run_names_a_draw_that_was_forged_since(history: Member) -> None:
    activity_id = Draw.objects.values_list("activity_id", flat=True).distinct().get()
    later = NOON + timedelta(hours=1)
    assert [
        finding for finding in audit_recent(now=later) if finding.invariant.number == "I-25" and finding.breaches
    ] == []
    campaign.give_chances(history.id, activity_id, 1)
    draw_id = campaign.draw(history.id, activity_id, now=later + timedelta(seconds=30)).draws[0].id
    unguard_all("marketing_draw")
    Draw.objects.filter(pk=draw_id).update(roll=F("roll") + 1)
    # Somebody forged an old one as well: whole tables are the night's.
    Draw.objects.exclude(pk=draw_id).update(roll=F("roll") + 1)

    found = {finding.invariant.number: finding.breaches for finding in audit_recent(now=later + timedelta(minutes=1))}

    assert [breach.subject for breach in found["I-25"]] == [f"draw {draw_id}"]


def test_an_activity_whose_draws_are_not_believed_is_paused_until_somebody_has_looked(history: Member) -> None:
    activity = Activity.objects.get()

    def state_after_a_run(minutes: int) -> str:
        audit_recent(now=NOON + timedelta(minutes=minutes))
        activity.refresh_from_db()
        return activity.state

    assert state_after_a_run(1) == ActivityState.LIVE
    forge()
    assert state_after_a_run(2) == ActivityState.PAUSED
    set_activity_state(
        activity_id=activity.pk, state=ActivityState.LIVE, actor="staff:1", reason="looked at it", now=NOON
    )
    assert state_after_a_run(3) == ActivityState.LIVE
    forge(ordinal=11, request_count=12, nonce=100)
    assert state_after_a_run(4) == ActivityState.PAUSED


def _stock_without_a_winner() -> None:
    PrizeStock.objects.update(total=F("total") + 1, issued=F("issued") + 1)


def _oversold() -> None:
    """As somebody may who switched the CHECK off."""
    on_sqlite = connection.vendor == "sqlite"
    off = (
        "SET CONSTRAINTS ALL IMMEDIATE;"
        "ALTER TABLE marketing_prizestock DROP CONSTRAINT marketing_prizestock_not_oversold"
    )
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON" if on_sqlite else off)
        PrizeStock.objects.update(total=F("issued") - 1)
        if on_sqlite:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")


@pytest.mark.parametrize("damage", [_stock_without_a_winner, _oversold])
def test_a_stock_that_does_not_add_up_pauses_its_activity(history: Member, damage: Callable[[], None]) -> None:
    damage()
    audit_recent(now=NOON + timedelta(minutes=1))
    assert Activity.objects.get().state == ActivityState.PAUSED


def _miscounted_total() -> None:
    Seat.objects.update(drawn_total=F("drawn_total") + 1)


def _miscounted_day() -> None:
    Seat.objects.update(drawn_day=F("drawn_day") - 1)


def _miscounted_month() -> None:
    Seat.objects.update(drawn_month=F("drawn_month") + 1)


def _done_without_effect() -> None:
    done = Delivery.objects.filter(state="done").exclude(kind="nothing").order_by("pk")[0]
    unguard_all("marketing_delivery")
    # Its money arrived; another one claims the same without any.
    Delivery.objects.filter(pk=done.pk).update(amount=done.amount + 1)


def _owed() -> None:
    first = Delivery.objects.exclude(kind="nothing").order_by("pk")[0]
    unguard_all("marketing_delivery")
    Delivery.objects.filter(pk=first.pk).update(state="pending", done_at=None)


def _lost_delivery() -> None:
    unguard_all("marketing_delivery")
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
    Seat.objects.update(server_seed="00" * 32)


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
        (_stock_without_a_winner, {"I-21", "I-62"}),
        (_miscounted_total, {"I-22"}),
        (_miscounted_day, {"I-22-days"}),
        (_miscounted_month, {"I-22-days"}),
        (_done_without_effect, {"I-28", "I-30"}),
        (_owed, {"I-29", "I-30"}),
        (_lost_delivery, {"I-28"}),
        (_sold_without_order, {"I-44"}),
        (_counted_without_order, {"I-44"}),
        (_free_order, {"I-44", "I-44-moved"}),
        (_unpaid_rebate, {"I-41", "I-41-deeds"}),
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
    assert broken() == {"I-19", "I-21", "I-22", "I-22-days", "I-25", "I-28"}


def test_a_draw_with_another_prize_than_rolled_is_found(history: Member) -> None:
    first = Draw.objects.filter(fallback_reason="").order_by("pk")[0]
    other: UUID = Draw.objects.exclude(prize_id=first.prize_id).order_by("pk")[0].prize_id
    forge(nonce=12, prize_id=other, rolled_prize_id=other)

    assert "I-25" in broken()


def test_a_draw_by_a_seed_that_was_not_promised_is_found(history: Member) -> None:
    """A roll that recomputes is not enough: an insider could choose the seed after the client's."""
    last = Draw.objects.order_by("nonce").last()
    assert last is not None
    odds = published_odds(version_id=last.odds_id)
    seed = "00" * 32
    roll = draws_rules.roll(
        server_seed=seed, version_id=last.odds_id, client_seed="", nonce=last.nonce + 1, total=odds.declared_total
    )
    prize_id = odds.prizes[draws_rules.pick(odds.bounds, roll)].id
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


def reward(user_id: UUID, deed: str, behaviour: str) -> None:
    """A reward for a deed, by a rule of its own."""
    rule = services.save_rebate_rule(code="extra", title="Extra", behaviour=behaviour, points=30, now=NOON)
    Rebate.objects.create(
        rule_id=rule.id,
        rule_version=rule.version,
        user_id=user_id,
        behaviour_key=deed,
        points=30,
        chances=0,
        created_at=NOON,
    )


def test_a_reward_for_somebody_elses_deed_is_found(alice: Member, bob: Member) -> None:
    services.sign_in(user_id=alice.id, now=NOON)
    reward(bob.id, f"sign_in:{SignIn.objects.get().pk}", SIGN_IN)

    assert "I-41-deeds" in broken()


def test_a_reward_for_an_order_that_nobody_paid_is_found(alice: Member, wechat: WechatServer) -> None:
    reward(alice.id, f"order:{place(alice.id, pack(), now=NOON).id}", PAYMENT)

    assert "I-41-deeds" in broken()


def test_a_gift_out_of_another_system_account_is_found(alice: Member) -> None:
    adjust(request_of(alice, 7))
    unguard_all("ledger_transfer")
    revenue = ledger.system_account("revenue", POINTS)
    ledger.spend(
        account=ledger.user_account(alice.id, POINTS),
        amount=1,
        sink="revenue",
        kind="test",
        cause=Cause("test", "1"),
        now=NOON,
    )
    assert "I-51-adjustments" not in broken()
    Transfer.objects.exclude(cause_type="test").update(debit_id=revenue.id)

    assert "I-51-adjustments" in broken()


def test_a_gift_of_another_asset_is_found(alice: Member) -> None:
    adjust(request_of(alice, 7))
    adjust(request_of(alice, 1, AdjustedAsset.QUOTA))
    assert "I-51-adjustments" not in broken()
    unguard_all("ledger_transfer")
    Transfer.objects.filter(asset=POINTS).update(
        asset=QUOTA,
        debit_id=ledger.system_account("issuer", QUOTA).id,
        credit_id=ledger.user_account(alice.id, QUOTA).id,
    )

    assert "I-51-adjustments" in broken()
