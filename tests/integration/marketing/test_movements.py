"""The list of every change of a balance: it is whole, says why, and adds up."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.contracts import Member
from apps.kernel import clock
from apps.kernel.models import OutboxDelivery
from apps.kernel.outbox import deliver
from apps.marketing import services
from apps.marketing.contracts import BALANCES, ActivityDetail
from apps.marketing.earning.registries import BEHAVIOURS
from apps.marketing.exchange.selectors import exchange_offers
from apps.marketing.templatetags.marketing import WORDS, movement_word
from tests.integration.marketing import campaign

pytestmark = pytest.mark.django_db

NOBODY_SAYS_WHY = "其他"


def movements(browser: Client, of: str, cursor: str = "") -> str:
    answer = browser.get(f"/account/movements/?of={of}&cursor={cursor}")
    assert answer.status_code == 200
    return answer.content.decode()


def amounts(shown: str) -> list[float]:
    found = re.findall(r"movement__amount[^>]*>([^<]+)<", shown)
    return [float(amount.replace(",", "")) for amount in found]


def work_the_outbox() -> None:
    """What the worker does: rewards and prizes come by event, and bring events."""
    while waiting := list(OutboxDelivery.objects.filter(state="pending").values_list("pk", flat=True)):
        for pk in waiting:
            assert deliver(delivery_id=pk, now=clock.now())


def live(alice: Member, autumn: ActivityDetail) -> None:
    """A day in the life: signed in, exchanged points for chances and for quota, drew and won."""
    now = clock.now()
    services.save_rebate_rule(code="daily", title="Daily", behaviour="sign_in", points=200, now=now)
    for code, kind, amount in (("draws", "chances", 2), ("credits", "quota", 5000)):
        services.save_exchange_item(
            code=code,
            title=code,
            kind=kind,
            amount=amount,
            price_points=60,
            activity_id=autumn.id if kind == "chances" else None,
            now=now,
        )
    campaign.publish(autumn.id, campaign.sure(campaign.QUOTA, autumn.id))
    services.sign_in(user_id=alice.id, now=now)
    work_the_outbox()
    for offer in exchange_offers(user_id=alice.id, now=now):
        services.exchange(user_id=alice.id, item_id=offer.id, quantity=1, request_id=offer.title * 8, now=now)
    campaign.draw(alice.id, autumn.id, now=now)
    work_the_outbox()


@pytest.mark.parametrize("balance", BALANCES)
def test_every_change_is_listed_with_its_cause_and_adds_up(
    alice: Member, alice_browser: Client, autumn: ActivityDetail, balance: str
) -> None:
    live(alice, autumn)

    shown = movements(alice_browser, balance)

    now = services.balances_of(user_id=alice.id, now=clock.now())
    held = {"quota": now.quota_milli / 1000, "points": now.points, "chances": now.chances}
    assert sum(amounts(shown)) == held[balance]
    assert len(amounts(shown)) >= 2
    assert NOBODY_SAYS_WHY not in shown


def test_every_kind_that_a_service_writes_has_a_word() -> None:
    sources = [file for app in ("chat", "orders", "marketing") for file in Path(f"apps/{app}/services").glob("*.py")]
    written = {
        kind for file in sources for kind in re.findall(r'\b(?:kind|word)="(\w+)"', file.read_text(encoding="utf-8"))
    }

    assert written - {"text"} <= set(WORDS)
    assert NOBODY_SAYS_WHY not in {movement_word(behaviour.code) for behaviour in BEHAVIOURS}


def test_a_long_list_goes_on_and_costs_the_same(alice: Member, alice_browser: Client) -> None:
    for _ in range(25):
        campaign.give_points(alice.id, 3)
    with CaptureQueriesContext(connection) as captured:
        first = movements(alice_browser, "points")
    cursor = re.search(r"of=points&amp;cursor=(\w+)", first)
    assert cursor

    second = movements(alice_browser, "points", cursor[1])

    assert (len(amounts(first)), len(amounts(second))) == (20, 5)
    assert len(captured) <= 5


def test_a_grant_that_ends_says_when(alice: Member, alice_browser: Client) -> None:
    campaign.give_points(alice.id, 7)
    campaign.give_points(alice.id, 3, ends_at=campaign.NOON + timedelta(days=30))

    (with_end,) = re.findall(r"</time> · ([^<]+)</span>", movements(alice_browser, "points"))

    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d 到期", with_end)


def test_somebody_else_s_changes_are_not_listed(alice: Member, bob_browser: Client) -> None:
    campaign.give_points(alice.id, 30)

    assert amounts(movements(bob_browser, "points")) == []


def test_a_visitor_signs_in_first_and_rubbish_is_refused(visitor: Client, alice_browser: Client) -> None:
    assert visitor.get("/account/movements/").status_code == 302
    assert alice_browser.get("/account/movements/?of=points&cursor=rubbish").status_code == 400
    assert amounts(movements(alice_browser, "secrets")) == []
