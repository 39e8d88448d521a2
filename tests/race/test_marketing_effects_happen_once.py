"""Real threads, real transactions: one chance is one draw, one unit is one win, one request is one effect."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test import Client
from django.urls import reverse

from apps.accounts.contracts import Member
from apps.chat.contracts import QUOTA
from apps.marketing import errors, selectors, services
from apps.marketing.contracts import POINTS, ActivityDetail, Behaviour, Limits
from apps.marketing.models import Delivery, Draw, ExchangeItem, ExchangeOrder, Prize, PrizeStock, Rebate, SignIn
from tests.cast import member
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON, POINTS_PRIZE
from tests.integration.marketing.campaign import QUOTA as QUOTA_PRIZE
from tests.race.concurrency import Outcomes, run_concurrently, run_together

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

THREADS = 50


@pytest.fixture(autouse=True)
def sound_books() -> Iterator[None]:
    """Real concurrency before, books without a breach after each test."""
    if connection.vendor != "postgresql":
        pytest.skip("NOT RUN: SQLite has one writer at a time and cannot race; set DATABASE_URL to a PostgreSQL")
    yield
    assert campaign.breaches() == []


@pytest.fixture
def autumn() -> ActivityDetail:
    """A live activity without limits."""
    return campaign.activity()


def kinds(outcomes: Outcomes[Any]) -> set[type[Exception]]:
    """What was raised."""
    return {type(error) for error in outcomes.errors}


def test_fifty_threads_draw_one_chance_once(alice: Member, autumn: ActivityDetail) -> None:
    campaign.give_chances(alice.id, autumn.id)

    outcomes = run_concurrently(lambda: campaign.draw(alice.id, autumn.id), THREADS)

    assert len(outcomes.results) == 1
    assert kinds(outcomes) == {errors.NoChances}
    assert Draw.objects.count() == 1
    assert campaign.chances(alice.id, autumn.id) == 0


def test_fifty_first_draws_of_a_member_share_one_seat(alice: Member, autumn: ActivityDetail) -> None:
    campaign.give_chances(alice.id, autumn.id, THREADS)

    outcomes = run_concurrently(lambda: campaign.draw(alice.id, autumn.id), THREADS)

    assert outcomes.errors == []
    nonces = sorted(receipt.draws[0].proof.nonce for receipt in outcomes.results)
    assert nonces == list(range(THREADS))
    assert len({receipt.draws[0].proof.server_seed for receipt in outcomes.results}) == THREADS


def test_fifty_threads_against_a_day_limit_of_three(alice: Member) -> None:
    limited = campaign.activity(limits=Limits(day=3))
    campaign.give_chances(alice.id, limited.id, THREADS)

    outcomes = run_concurrently(lambda: campaign.draw(alice.id, limited.id), THREADS)

    assert len(outcomes.results) == 3
    assert kinds(outcomes) == {errors.LimitReached}
    assert campaign.chances(alice.id, limited.id) == THREADS - 3


def test_fifty_members_draw_one_unit_of_stock_once(autumn: ActivityDetail) -> None:
    campaign.publish(autumn.id, campaign.sure(QUOTA_PRIZE, autumn.id, stock=1))
    members = [member(f"guest{number:02}") for number in range(THREADS)]
    for guest in members:
        campaign.give_chances(guest.id, autumn.id)

    outcomes = run_together([partial(campaign.draw, guest.id, autumn.id) for guest in members])

    assert outcomes.errors == []
    draws = [receipt.draws[0] for receipt in outcomes.results]
    assert sum(drawn.kind == "quota" for drawn in draws) == 1
    assert {drawn.fallback_reason for drawn in draws if drawn.kind == "nothing"} <= {"sold_out", ""}
    assert PrizeStock.objects.get().issued == 1


def test_ten_draws_that_want_two_stocks_never_wait_in_a_circle(autumn: ActivityDetail) -> None:
    first, fallback = campaign.sure(QUOTA_PRIZE, autumn.id, stock=60)
    second, _ = campaign.sure(POINTS_PRIZE, autumn.id, stock=60)
    half = 500_000_000
    campaign.publish(
        autumn.id,
        [
            replace(first, position=0, weight=half),
            replace(second, position=1, weight=half - 1),
            replace(fallback, position=2),
        ],
    )
    members = [member(f"guest{number:02}") for number in range(20)]
    for guest in members:
        campaign.give_chances(guest.id, autumn.id, 10)

    outcomes = run_together([partial(campaign.draw, guest.id, autumn.id, count=10) for guest in members])

    assert outcomes.errors == []
    assert Draw.objects.count() == 200


def test_fifty_repeats_of_one_draw_request_draw_once(alice: Member, autumn: ActivityDetail) -> None:
    campaign.give_chances(alice.id, autumn.id, THREADS)

    outcomes = run_concurrently(lambda: campaign.draw(alice.id, autumn.id, request_id="one-tap"), THREADS)

    assert outcomes.errors == []
    assert len({receipt.draws[0].id for receipt in outcomes.results}) == 1
    assert campaign.chances(alice.id, autumn.id) == THREADS - 1


def test_fifty_repeats_of_the_draw_that_uses_the_last_chance_all_find_it(alice: Member, autumn: ActivityDetail) -> None:
    campaign.give_chances(alice.id, autumn.id)

    outcomes = run_concurrently(lambda: campaign.draw(alice.id, autumn.id, request_id="one-tap"), THREADS)

    assert outcomes.errors == []
    assert len({receipt.draws[0].id for receipt in outcomes.results}) == 1


def test_fifty_deliveries_of_one_prize_pay_once(alice: Member, autumn: ActivityDetail) -> None:
    campaign.publish(autumn.id, campaign.sure(QUOTA_PRIZE, autumn.id))
    campaign.give_chances(alice.id, autumn.id)
    campaign.draw(alice.id, autumn.id)
    delivery_id = Delivery.objects.get().id

    outcomes = run_concurrently(lambda: services.deliver_prize(delivery_id=delivery_id, now=NOON), THREADS)

    assert outcomes.errors == []
    assert campaign.available(alice.id, QUOTA) == 5000


def test_fifty_sign_ins_of_one_day_are_one(alice: Member) -> None:
    outcomes = run_concurrently(lambda: services.sign_in(user_id=alice.id, now=NOON), THREADS)

    assert len(outcomes.results) == 1
    assert kinds(outcomes) == {errors.AlreadySignedIn}
    assert SignIn.objects.count() == 1


def test_fifty_repeats_of_one_payment_are_rewarded_once(alice: Member, autumn: ActivityDetail) -> None:
    services.save_rebate_rule(
        code="pay", title="Payment", behaviour="payment", points=7, chances=1, activity_id=autumn.id, now=NOON
    )
    grant: Callable[[], None] = partial(
        services.grant_rebates,
        user_id=alice.id,
        behaviour=Behaviour.PAYMENT,
        behaviour_key="order:one",
        amount_fen=990,
        now=NOON,
    )

    outcomes = run_concurrently(grant, THREADS)

    assert outcomes.errors == []
    assert Rebate.objects.count() == 1
    assert campaign.available(alice.id, POINTS) == 7
    assert campaign.chances(alice.id, autumn.id) == 1


def test_points_for_one_exchange_buy_one(alice: Member) -> None:
    item_id = services.save_exchange_item(
        code="credits", title="5 credits", kind="quota", amount=5000, price_points=100, now=NOON
    )
    campaign.give_points(alice.id, 150)

    def buy() -> object:
        return services.exchange(user_id=alice.id, item_id=item_id, quantity=1, request_id=uuid4().hex, now=NOON)

    outcomes = run_concurrently(buy, THREADS)

    assert len(outcomes.results) == 1
    assert kinds(outcomes) == {errors.NotEnoughPoints}
    assert campaign.available(alice.id, POINTS) == 50
    assert campaign.available(alice.id, QUOTA) == 5000


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
    assert kinds(outcomes) <= {errors.ItemSoldOut, errors.ItemLimitReached}
    assert campaign.available(alice.id, POINTS) == 998


def test_odds_are_published_with_what_an_editor_is_about_to_save() -> None:
    autumn = campaign.activity()
    prizes = campaign.sure(QUOTA_PRIZE, autumn.id)
    draft = services.save_draft(activity_id=autumn.id, declared_total=10**9, prizes=prizes, now=NOON)
    publish = partial(services.publish_odds, version_id=draft.id, actor="system", reason="new odds", now=NOON)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Prize.objects.filter(odds_id=draft.id, position=0).update(amount=1)
            publication = pool.submit(in_thread, publish)
            with suppress(TimeoutError):
                publication.result(timeout=1)  # it waits for the editor
        publication.result(timeout=60)

    assert [prize.amount for prize in selectors.prizes_of(draft.id)] == [1, 0]


def test_a_draft_that_is_being_published_can_no_longer_be_edited() -> None:
    autumn = campaign.activity()
    prizes = campaign.sure(QUOTA_PRIZE, autumn.id)
    draft = services.save_draft(activity_id=autumn.id, declared_total=10**9, prizes=prizes, now=NOON)

    def edit() -> None:
        with transaction.atomic():
            Prize.objects.filter(odds_id=draft.id, position=0).update(amount=1)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            services.publish_odds(version_id=draft.id, actor="system", reason="new odds", now=NOON)
            editing = pool.submit(in_thread, edit)
            with suppress(TimeoutError):
                editing.result(timeout=1)
        with pytest.raises(IntegrityError):
            editing.result(timeout=60)


@pytest.mark.parametrize("attempt", range(3))
def test_drafts_are_saved_cloned_and_published_without_waiting_in_a_circle(attempt: int) -> None:
    autumn = campaign.activity()
    prizes = campaign.sure(QUOTA_PRIZE, autumn.id)
    save = partial(services.save_draft, activity_id=autumn.id, declared_total=10**9, prizes=prizes, now=NOON)
    named: dict[str, Any] = {"version_id": save().id, "actor": "system", "reason": "new odds", "now": NOON}
    publish, clone = partial(services.publish_odds, **named), partial(services.clone_odds, **named)

    outcomes = run_together([save] * 8 + [publish] + [clone] * 3)

    assert outcomes.errors == []
    assert selectors.current_odds(activity_id=autumn.id).version_id == named["version_id"]


def test_an_exchange_between_form_and_save_is_an_error_of_the_form(alice: Member, operator_browser: Client) -> None:
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


@pytest.mark.parametrize("attempt", range(3))
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
            user_id=alice.id, behaviour=Behaviour.PAYMENT, behaviour_key=f"order:{uuid4()}", amount_fen=1, now=NOON
        )

    outcomes = run_together([buy, reward] * (THREADS // 2))

    assert outcomes.errors == []
    assert campaign.available(alice.id, POINTS) == THREADS
    assert campaign.chances(alice.id, autumn.id) == THREADS + 1


def in_thread(work: Callable[[], Any]) -> Any:
    """Work on a connection of this thread's own."""
    try:
        return work()
    finally:
        connections.close_all()
