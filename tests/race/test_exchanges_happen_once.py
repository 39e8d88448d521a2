"""Real threads, real transactions: points buy once what was shown, and neither stock nor limit is passed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.urls import reverse

from apps.accounts.contracts import Member
from apps.chat.contracts import QUOTA
from apps.kernel.errors import OfferChanged
from apps.marketing import errors, services
from apps.marketing.contracts import PAYMENT, POINTS, ActivityDetail
from apps.marketing.earning import services as earning
from apps.marketing.exchange.selectors import exchange_offers
from apps.marketing.models import ExchangeItem, ExchangeOrder, Rebate
from tests.cast import browser_in_the_list
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON
from tests.race.concurrency import in_thread, run_concurrently, run_together
from tests.race.guards import UNCHECKED_BALANCE, dropped, guarded_by, locks, meet, nothing, replaced, taken_as_read

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound_books")]

THREADS = 50
EDITS = (1, 5000) * 5

PAY = earning._pay


def pay_one_by_one(rebates: Sequence[Rebate], now: datetime) -> None:
    for rebate in rebates:
        PAY([rebate], now)


@guarded_by(*UNCHECKED_BALANCE, seen="8 == 1")
def test_points_for_one_exchange_buy_one(alice: Member) -> None:
    item_id = services.save_exchange_item(
        code="credits", title="5 credits", kind="quota", amount=5000, price_points=100, now=NOON
    )
    campaign.give_points(alice.id, 150)

    def buy() -> object:
        return services.exchange(user_id=alice.id, item_id=item_id, quantity=1, request_id=uuid4().hex, now=NOON)

    outcomes = run_concurrently(buy, THREADS)

    assert len(outcomes.results) == 1
    assert outcomes.kinds == {errors.NotEnoughPoints}
    assert campaign.available(alice.id, POINTS) == 50
    assert campaign.available(alice.id, QUOTA) == 5000


@guarded_by(dropped("marketing_exchangeorder_once_per_request"), seen="8 == 1")
def test_fifty_repeats_of_one_exchange_request_buy_once(alice: Member) -> None:
    item_id = services.save_exchange_item(
        code="credits", title="5 credits", kind="quota", amount=5000, price_points=100, now=NOON
    )
    campaign.give_points(alice.id, 1000)

    def buy() -> object:
        return services.exchange(user_id=alice.id, item_id=item_id, quantity=1, request_id="one-tap", now=NOON)

    outcomes = run_concurrently(buy, THREADS)

    assert outcomes.errors == []
    assert ExchangeOrder.objects.count() == 1
    assert campaign.available(alice.id, POINTS) == 900


@pytest.mark.parametrize(("stock", "member_limit"), [(2, None), (None, 2)])
@guarded_by(
    taken_as_read('UPDATE "marketing_exchangeitem"', r"(?<=WHERE ).+"),
    taken_as_read('UPDATE "marketing_exchangetally"', r"(?<=WHERE ).+"),
    dropped("marketing_exchangeitem_not_oversold"),
    seen="8 == 2",
    each=True,
)
def test_fifty_exchanges_of_two_items_buy_two(alice: Member, stock: int | None, member_limit: int | None) -> None:
    item_id = services.save_exchange_item(
        code="credits",
        title="5 credits",
        kind="quota",
        amount=5000,
        price_points=1,
        stock=stock,
        member_limit=member_limit,
        now=NOON,
    )
    campaign.give_points(alice.id, 1000)

    def buy() -> object:
        return services.exchange(user_id=alice.id, item_id=item_id, quantity=1, request_id=uuid4().hex, now=NOON)

    outcomes = run_concurrently(buy, THREADS)

    assert len(outcomes.results) == 2
    assert outcomes.kinds <= {errors.ItemSoldOut, errors.ItemLimitReached}
    assert campaign.available(alice.id, POINTS) == 998


@guarded_by(locks("marketing_exchangeitem"), seen="IntegrityError")
def test_an_exchange_between_form_and_save_is_an_error_of_the_form(alice: Member, olga: Member) -> None:
    operator_browser = browser_in_the_list(olga.id)
    item: dict[str, Any] = {
        "code": "credits",
        "title": "5 credits",
        "kind": "quota",
        "amount": 5000,
        "price_points": 100,
    }
    item_id = services.save_exchange_item(stock=5, now=NOON, **item)
    campaign.give_points(alice.id, 300)
    address = reverse("admin:marketing_exchangeitem_change", args=[item_id])
    form = {**item, "stock": 2, "is_active": "on", "reason": "recount"}

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            services.exchange(user_id=alice.id, item_id=item_id, quantity=3, request_id="one-tap", now=NOON)
            saving = pool.submit(in_thread, partial(operator_browser.post, address, form))
            with suppress(TimeoutError):
                saving.result(timeout=1)  # its form saw nothing sold; its save waits for the item
        answer = saving.result(timeout=60)

    assert answer.status_code == 200
    assert "库存不能低于已售出的 3 件。" in answer.content.decode()
    row = ExchangeItem.objects.get()
    assert (row.stock, row.sold) == (5, 3)


@guarded_by(
    replaced("apps.marketing.exchange.services.buying._check_as_shown", nothing),
    replaced(f"{__name__}.EDITS", (1,)),
    wait_for=9,
    seen="== .5000",
)
def test_each_of_many_gets_the_item_they_saw_or_a_refusal(alice: Member) -> None:
    """An operator edits what a hundred points buy while the member exchanges what was shown."""
    item: dict[str, Any] = {"code": "credits", "title": "Credits", "kind": "quota", "price_points": 100, "now": NOON}
    item_id = services.save_exchange_item(amount=5000, **item)
    campaign.give_points(alice.id, 100 * THREADS)
    (shown,) = exchange_offers(user_id=alice.id, now=NOON)

    def buy() -> int:
        meet()
        return services.exchange(
            user_id=alice.id, item_id=item_id, quantity=1, offer=shown.offer, request_id=uuid4().hex, now=NOON
        ).amount

    def edit() -> int:
        for amount in EDITS:
            services.save_exchange_item(amount=amount, **item)
        return 5000

    outcomes = run_together([*[buy] * THREADS, edit])

    assert outcomes.kinds <= {OfferChanged}
    assert set(outcomes.results) == {5000}
    assert campaign.available(alice.id, QUOTA) == 5000 * (len(outcomes.results) - 1)


@pytest.mark.parametrize("attempt", range(3))
@guarded_by(
    replaced("apps.marketing.earning.services._pay", pay_one_by_one),
    meet="INSERT INTO ledger_transfer",
    wait_for=2,
    seen="deadlock",
)
def test_rewards_and_exchanges_never_wait_in_a_circle(alice: Member, autumn: ActivityDetail, attempt: int) -> None:
    # The older rule gives chances, the newer one points: an exchange takes points and gives chances.
    services.save_rebate_rule(
        code="chances", title="Chances", behaviour="payment", chances=1, activity_id=autumn.id, now=NOON
    )
    services.save_rebate_rule(code="points", title="Points", behaviour="payment", points=1, now=NOON)
    item_id = services.save_exchange_item(
        code="chance", title="1 chance", kind="chances", amount=1, price_points=1, activity_id=autumn.id, now=NOON
    )
    campaign.give_points(alice.id, THREADS)
    campaign.give_chances(alice.id, autumn.id)

    def buy() -> None:
        services.exchange(user_id=alice.id, item_id=item_id, quantity=1, request_id=uuid4().hex, now=NOON)

    def reward() -> None:
        services.grant_rebates(
            user_id=alice.id, behaviour=PAYMENT, behaviour_key=f"order:{uuid4()}", amount_fen=1, now=NOON
        )

    outcomes = run_together([buy, reward] * (THREADS // 2))

    assert outcomes.errors == []
    assert campaign.available(alice.id, POINTS) == THREADS
    assert campaign.chances(alice.id, autumn.id) == THREADS + 1
