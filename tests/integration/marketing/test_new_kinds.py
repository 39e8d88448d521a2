"""docs/how-to/add-a-prize-kind.md, followed for a kind that the site does not have; and kinds that nobody knows."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from apps.accounts.contracts import Member
from apps.kernel import clock, outbox
from apps.kernel.errors import CodeUnknown
from apps.kernel.models import OutboxDelivery
from apps.marketing import errors, services
from apps.marketing.contracts import POINTS, ActivityDetail, PrizeDraft
from apps.marketing.exchange.registries import ITEMS
from apps.marketing.models import Delivery, ExchangeItem, OddsVersion, Prize
from apps.marketing.points.services import give_points, take_points
from apps.marketing.prizes.registries import PRIZES, Handover, Kind
from tests.integration.marketing import campaign
from tests.integration.marketing.test_admin import act, page, prize_forms
from tests.integration.marketing.test_api import post

pytestmark = pytest.mark.django_db

STAMPS = PrizeDraft(position=0, title="30 stamps", kind="stamps", amount=30, weight=1)


class Stamps(Kind):
    """Ten stamps are a point."""

    code = "stamps"
    label = "Stamps"
    icon = "pin"
    gain = "{n} sheets"
    per = 10
    leg = POINTS
    asset_sql = f"'{POINTS}'"

    def accepts(self, amount: int) -> bool:
        """Whole sheets of ten."""
        return super().accepts(amount) and amount % 10 == 0

    def deliver(self, handover: Handover) -> None:
        """Stick them in."""
        give_points(amount=handover.amount, **handover.movement)

    def reverse(self, handover: Handover) -> None:
        """Tear them out."""
        take_points(amount=handover.amount, sink="issuer", leg=POINTS, **handover.movement)


@pytest.fixture
def stamps() -> Iterator[Stamps]:
    """A kind that is registered as any other, for one test."""
    kind = Stamps()
    PRIZES.register(kind)
    ITEMS.register(kind)
    yield kind
    for registry in (PRIZES, ITEMS):
        if kind.code in registry:
            registry.unregister(kind.code)


def breaches() -> list[str]:
    """What the audit finds; browsers of tests sign nobody in."""
    return [breach for breach in campaign.breaches() if not breach.startswith("I-59-sessions")]


def deliver(pk: Any, *, tries: int = 1) -> OutboxDelivery:
    """What the worker does with a prize that was won, as often as it takes."""
    for _ in range(tries):
        row = OutboxDelivery.objects.get(event__payload__delivery_id=str(pk))
        outbox.deliver(delivery_id=row.pk, now=max(clock.now(), row.available_at))
    return OutboxDelivery.objects.get(event__payload__delivery_id=str(pk))


def test_a_new_kind_is_won_delivered_and_shown(
    alice: Member, alice_browser: Client, operator_browser: Client, autumn: ActivityDetail, stamps: Stamps
) -> None:
    assert '<option value="stamps">Stamps</option>' in operator_browser.get(page(OddsVersion, "add")).content.decode()
    sure = {"position": 0, "title": "30 stamps", "kind": "stamps", "amount": 30, "weight": 999_999_999}
    rest = {"position": 1, "title": "Thank you", "kind": "nothing", "amount": 0, "weight": 1, "is_fallback": "on"}
    body = {"activity": str(autumn.id), "declared_total": 10**9, "reason": "stamps", **prize_forms(None, sure, rest)}
    assert operator_browser.post(page(OddsVersion, "add"), body).status_code == 302
    act(operator_browser, OddsVersion.objects.get(state="draft"), "publish")
    campaign.give_chances(alice.id, autumn.id)

    (won,) = post(alice_browser, f"activities/{autumn.id}/draws").json()["draws"]

    assert (won["prize"]["title"], won["prize"]["kind"], won["delivery_state"]) == ("30 stamps", "stamps", "pending")
    delivery = Delivery.objects.get(draw_id=won["id"])
    assert deliver(delivery.pk).state == "done"
    assert campaign.available(alice.id, POINTS) == 30
    assert alice_browser.get("/api/v1/draws?won=true").json()["results"][0]["delivery_state"] == "done"
    shown = alice_browser.get("/welfare/").content.decode()
    assert shown.count("#pin") == 2, "in the grid and among the prizes"
    assert '<p data-text="icon-stamps">pin</p>' in shown
    assert "Stamps" in operator_browser.get(page(Delivery, "changelist")).content.decode()
    assert breaches() == []


def test_a_new_kind_is_bought(
    alice: Member, alice_browser: Client, operator_browser: Client, autumn: ActivityDetail, stamps: Stamps
) -> None:
    campaign.give_points(alice.id, 70)
    body = {"code": "stamps", "title": "Two sheets", "kind": "stamps", "amount": 20, "price_points": 50}
    added = operator_browser.post(page(ExchangeItem, "add"), {**body, "is_active": "on", "reason": "stamps"})
    assert added.status_code == 302

    shown = alice_browser.get("/welfare/").content.decode()
    item = alice_browser.get("/api/v1/exchange/items").json()[0]
    bought = post(alice_browser, "exchange/orders", {"item_id": item["id"], "quantity": 1})

    assert '<span data-amount>20</span> <span class="unit">Stamps</span>' in shown
    assert 'data-per="10"' in shown
    assert '<p data-text="gain-stamps">{n} sheets</p>' in shown
    assert (bought.status_code, bought.json()["kind"]) == (201, "stamps")
    assert campaign.available(alice.id, POINTS) == 70 - 50 + 20
    assert breaches() == []


def test_a_kind_says_in_which_amounts_it_comes(autumn: ActivityDetail, stamps: Stamps) -> None:
    with pytest.raises(errors.OddsAmountInvalid):
        campaign.publish(autumn.id, campaign.sure(replace(STAMPS, amount=31), autumn.id))


def test_a_kind_that_is_gone_stays_owed_until_somebody_stands_for_it_again(
    alice: Member, alice_browser: Client, operator_browser: Client, autumn: ActivityDetail, stamps: Stamps
) -> None:
    campaign.publish(autumn.id, campaign.sure(STAMPS, autumn.id))
    item = services.save_exchange_item(
        code="stamps", title="Sheet", kind="stamps", amount=10, price_points=1, now=clock.now()
    )
    campaign.give_chances(alice.id, autumn.id)
    (won,) = campaign.draw(alice.id, autumn.id).draws
    delivery = Delivery.objects.get(draw_id=won.id)
    PRIZES.unregister("stamps")
    ITEMS.unregister("stamps")

    row = deliver(delivery.pk, tries=outbox.MAX_ATTEMPTS)

    assert (row.state, row.last_error) == ("dead", "CodeUnknown")
    delivery.refresh_from_db()
    assert delivery.state == "pending"
    named = {breach.split()[1] for breach in breaches() if breach.startswith("I-02-codes")}
    assert named == {"marketing_delivery", "marketing_prize", "marketing_exchangeitem"}
    assert "30 stamps" in alice_browser.get("/welfare/").content.decode()
    assert alice_browser.get("/api/v1/exchange/items").json() == []
    with pytest.raises(errors.ItemNotFound):
        services.exchange(user_id=alice.id, item_id=item, quantity=1, request_id="tap-one", now=clock.now())
    assert "code_unknown" in act(operator_browser, delivery, "replay")

    PRIZES.register(stamps)
    act(operator_browser, delivery, "replay")
    delivery.refresh_from_db()
    assert delivery.state == "done"
    assert campaign.available(alice.id, POINTS) == 30


def test_a_kind_that_nobody_knows_is_saved_nowhere(operator_browser: Client, autumn: ActivityDetail) -> None:
    with pytest.raises(errors.OddsKindUnknown):
        services.save_draft(activity_id=autumn.id, declared_total=1, prizes=[STAMPS], now=clock.now())
    with pytest.raises(CodeUnknown):
        services.save_exchange_item(code="n", title="N", kind="stamps", amount=1, price_points=1, now=clock.now())
    body = {"code": "n", "title": "N", "kind": "stamps", "amount": 1, "price_points": 1, "reason": "new"}
    refused = operator_browser.post(page(ExchangeItem, "add"), body)

    assert list(refused.context["adminform"].form.errors) == ["kind"]
    assert not OddsVersion.objects.filter(state="draft").exists()
    assert not ExchangeItem.objects.exists()


@pytest.mark.parametrize("kind", ["", "Quota"])
def test_the_database_knows_what_a_code_looks_like(autumn: ActivityDetail, kind: str) -> None:
    draft = services.save_draft(activity_id=autumn.id, declared_total=1, prizes=[campaign.QUOTA], now=clock.now())

    with pytest.raises(IntegrityError, match="marketing_prize_kind_is_code"), transaction.atomic():
        Prize.objects.filter(odds_id=draft.id).update(kind=kind)
