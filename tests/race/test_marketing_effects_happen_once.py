"""Real threads, real transactions: one chance is one draw, one unit is one win, one request is one effect."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.accounts.contracts import Member
from apps.chat.contracts import QUOTA
from apps.marketing import errors, services
from apps.marketing.contracts import PAYMENT, POINTS, ActivityDetail, Limits
from apps.marketing.models import Delivery, Draw, OddsVersion, Prize, PrizeStock, Rebate, SignIn
from apps.marketing.odds.selectors import current_odds, prizes_of
from tests.cast import member
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON, POINTS_PRIZE
from tests.integration.marketing.campaign import QUOTA as QUOTA_PRIZE
from tests.race.concurrency import in_thread, run_concurrently, run_together
from tests.race.guards import UNCHECKED_BALANCE, dropped, guarded_by, locks, nothing, replaced, taken_as_read

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound_books")]

THREADS = 50
TURN = count()
SEAT_UNLOCKED = (
    locks("accounts_user", "marketing_participation"),
    taken_as_read('UPDATE "marketing_participation"', r"(?<=WHERE ).+"),
    dropped("marketing_draw_nonce_once"),
)


def by_turns(rows: Iterable[int], *, key: Callable[[int], str]) -> list[int]:
    """One draw takes its stocks in their order, the next in the other."""
    return sorted(rows, key=key, reverse=bool(next(TURN) % 2))


@guarded_by(*UNCHECKED_BALANCE, seen="8 == 1")
def test_fifty_threads_draw_one_chance_once(alice: Member, autumn: ActivityDetail) -> None:
    campaign.give_chances(alice.id, autumn.id)

    outcomes = run_concurrently(lambda: campaign.draw(alice.id, autumn.id), THREADS)

    assert len(outcomes.results) == 1
    assert outcomes.kinds == {errors.NoChances}
    assert Draw.objects.count() == 1
    assert campaign.chances(alice.id, autumn.id) == 0


@guarded_by(*SEAT_UNLOCKED, meet="(INSERT INTO|UPDATE) ledger_account", seen=r"== \[0, 1, 2")
def test_fifty_first_draws_of_a_member_share_one_seat(alice: Member, autumn: ActivityDetail) -> None:
    campaign.give_chances(alice.id, autumn.id, THREADS)

    outcomes = run_concurrently(lambda: campaign.draw(alice.id, autumn.id), THREADS)

    assert outcomes.errors == []
    nonces = sorted(receipt.draws[0].proof.nonce for receipt in outcomes.results)
    assert nonces == list(range(THREADS))
    assert len({receipt.draws[0].proof.server_seed for receipt in outcomes.results}) == THREADS


@guarded_by(*SEAT_UNLOCKED, meet="(INSERT INTO|UPDATE) ledger_account", seen="8 == 3")
def test_fifty_threads_against_a_day_limit_of_three(alice: Member) -> None:
    limited = campaign.activity(limits=Limits(day=3))
    campaign.give_chances(alice.id, limited.id, THREADS)

    outcomes = run_concurrently(lambda: campaign.draw(alice.id, limited.id), THREADS)

    assert len(outcomes.results) == 3
    assert outcomes.kinds == {errors.LimitReached}
    assert campaign.chances(alice.id, limited.id) == THREADS - 3


@guarded_by(
    taken_as_read(
        'UPDATE "marketing_prizestock"', r'"marketing_prizestock"\."issued" < \("marketing_prizestock"\."total"\)'
    ),
    dropped("marketing_prizestock_not_oversold"),
    seen="8 == 1",
)
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


@guarded_by(
    replaced("apps.marketing.draws.services.drawing.sorted", by_turns),
    replaced("apps.ledger.engine.balances.ensure_system_account", nothing),
    meet='UPDATE "marketing_prizestock"',
    crowd=4,
    seen="deadlock",
)
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
    members = [member(f"guest{number:02}") for number in range(min(THREADS, 20))]
    for guest in members:
        campaign.give_chances(guest.id, autumn.id, 10)

    outcomes = run_together([partial(campaign.draw, guest.id, autumn.id, count=10) for guest in members])

    assert outcomes.errors == []
    assert Draw.objects.count() == 10 * len(members)


@guarded_by(dropped("marketing_draw_once_per_request"), seen="8 == 1")
def test_fifty_repeats_of_one_draw_request_draw_once(alice: Member, autumn: ActivityDetail) -> None:
    campaign.give_chances(alice.id, autumn.id, THREADS)

    outcomes = run_concurrently(lambda: campaign.draw(alice.id, autumn.id, request_id="one-tap"), THREADS)

    assert outcomes.errors == []
    assert len({receipt.draws[0].id for receipt in outcomes.results}) == 1
    assert campaign.chances(alice.id, autumn.id) == THREADS - 1


@guarded_by(replaced("apps.marketing.draws.services.drawing._first_receipt", nothing), seen="NoChances")
def test_fifty_repeats_of_the_draw_that_uses_the_last_chance_all_find_it(alice: Member, autumn: ActivityDetail) -> None:
    campaign.give_chances(alice.id, autumn.id)

    outcomes = run_concurrently(lambda: campaign.draw(alice.id, autumn.id, request_id="one-tap"), THREADS)

    assert outcomes.errors == []
    assert len({receipt.draws[0].id for receipt in outcomes.results}) == 1


@guarded_by(
    taken_as_read('UPDATE "marketing_delivery"', r"(?<=WHERE ).+"),
    taken_as_read("INSERT INTO ledger_transfer", r"NOT EXISTS \(.*?\)"),
    dropped("marketing_delivery", "ledger_transfer_once_per_cause"),
    seen="40000 == 5000",
)
def test_fifty_deliveries_of_one_prize_pay_once(alice: Member, autumn: ActivityDetail) -> None:
    campaign.publish(autumn.id, campaign.sure(QUOTA_PRIZE, autumn.id))
    campaign.give_chances(alice.id, autumn.id)
    campaign.draw(alice.id, autumn.id)
    delivery_id = Delivery.objects.get().id

    outcomes = run_concurrently(lambda: services.deliver_prize(delivery_id=delivery_id, now=NOON), THREADS)

    assert outcomes.errors == []
    assert campaign.available(alice.id, QUOTA) == 5000


@guarded_by(dropped("marketing_signin_once_a_day"), seen="8 == 1")
def test_fifty_sign_ins_of_one_day_are_one(alice: Member) -> None:
    outcomes = run_concurrently(lambda: services.sign_in(user_id=alice.id, now=NOON), THREADS)

    assert len(outcomes.results) == 1
    assert outcomes.kinds == {errors.AlreadySignedIn}
    assert SignIn.objects.count() == 1


@guarded_by(
    taken_as_read("INSERT INTO marketing_rebate", r"NOT EXISTS \(SELECT 1 FROM marketing_rebate WHERE [^)]+\)"),
    dropped("marketing_rebate_once_per_behaviour"),
    seen="8 == 1",
)
def test_fifty_repeats_of_one_payment_are_rewarded_once(alice: Member, autumn: ActivityDetail) -> None:
    services.save_rebate_rule(
        code="pay", title="Payment", behaviour="payment", points=7, chances=1, activity_id=autumn.id, now=NOON
    )
    grant: Callable[[], object] = partial(
        services.grant_rebates,
        user_id=alice.id,
        behaviour=PAYMENT,
        behaviour_key="order:one",
        amount_fen=990,
        now=NOON,
    )

    outcomes = run_concurrently(grant, THREADS)

    assert outcomes.errors == []
    assert Rebate.objects.count() == 1
    assert campaign.available(alice.id, POINTS) == 7
    assert campaign.chances(alice.id, autumn.id) == 1


@guarded_by(dropped("marketing_prize"), seen=r"== \[1, 0\]")
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

    assert [prize.amount for prize in prizes_of(draft.id)] == [1, 0]
    assert [prize["amount"] for prize in json.loads(OddsVersion.objects.get(pk=draft.id).content)["prizes"]] == [1, 0]


@guarded_by(dropped("marketing_prize"), seen="DID NOT RAISE")
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
@guarded_by(
    locks("marketing_activity", "marketing_oddsversion"),
    meet='INSERT INTO "marketing_oddsversion"',
    seen="IntegrityError",
)
def test_drafts_are_saved_cloned_and_published_without_waiting_in_a_circle(attempt: int) -> None:
    autumn = campaign.activity()
    prizes = campaign.sure(QUOTA_PRIZE, autumn.id)
    save = partial(services.save_draft, activity_id=autumn.id, declared_total=10**9, prizes=prizes, now=NOON)
    named: dict[str, Any] = {"version_id": save().id, "actor": "system", "reason": "new odds", "now": NOON}
    publish, clone = partial(services.publish_odds, **named), partial(services.clone_odds, **named)

    outcomes = run_together([save] * 8 + [publish] + [clone] * 3)

    assert outcomes.errors == []
    assert current_odds(activity_id=autumn.id).version_id == named["version_id"]
