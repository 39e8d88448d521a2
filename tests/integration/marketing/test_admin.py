"""The admin: drafts are edited and published, everything has a reason, records are read-only."""

from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from apps.accounts.contracts import Member
from apps.kernel.models import AuditEntry
from apps.marketing import services
from apps.marketing.contracts import PAYMENT, ActivityDetail, ActivityState, AdjustedAsset, AdjustmentRequest
from apps.marketing.models import (
    Activity,
    Delivery,
    Draw,
    ExchangeItem,
    ExchangeOrder,
    OddsVersion,
    PrizeStock,
    Rebate,
    RebateRule,
    SignIn,
    Stage,
)
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON, PRIZES

pytestmark = pytest.mark.django_db

CREDITS: dict[str, Any] = {"code": "credits", "title": "5 credits", "kind": "quota", "amount": 1, "price_points": 1}


def page(model: type[Model], name: str, *args: object) -> str:
    """An admin address."""
    return reverse(f"admin:marketing_{model._meta.model_name}_{name}", args=args)


def act(browser: Client, row: Model, action: str, reason: str = "because") -> str:
    """Run an action on one row with a reason; returns the page that follows."""
    body = {"action": action, ACTION_CHECKBOX_NAME: [str(row.pk)], "reason": reason}
    return browser.post(page(type(row), "changelist"), body, follow=True).content.decode()


def prize_forms(version: OddsVersion | None, *prizes: dict[str, Any], initial: int = 0) -> dict[str, Any]:
    """The inline prizes of a draft's form."""
    body: dict[str, Any] = {
        "prizes-TOTAL_FORMS": len(prizes),
        "prizes-INITIAL_FORMS": initial,
        "prizes-MIN_NUM_FORMS": 0,
        "prizes-MAX_NUM_FORMS": 8,
    }
    for place, prize in enumerate(prizes):
        body |= {f"prizes-{place}-{name}": value for name, value in prize.items()}
        if version is not None:
            body[f"prizes-{place}-odds"] = str(version.pk)
    return body


@pytest.mark.parametrize(
    "model",
    [Activity, OddsVersion, PrizeStock, Stage, RebateRule, ExchangeItem, Draw, Delivery, Rebate, SignIn, ExchangeOrder],
)
def test_every_list_opens_with_rows_in_it(
    alice: Member, operator_browser: Client, autumn: ActivityDetail, model: type[Model]
) -> None:
    campaign.publish(autumn.id, campaign.sure(campaign.QUOTA, autumn.id, stock=3))
    services.save_rebate_rule(code="pay", title="Payment", behaviour="payment", points=5, now=NOON)
    item = services.save_exchange_item(now=NOON, **CREDITS)
    campaign.give_chances(alice.id, autumn.id)
    campaign.give_points(alice.id, 1)
    campaign.draw(alice.id, autumn.id)
    services.sign_in(user_id=alice.id, now=NOON)
    services.grant_rebates(user_id=alice.id, behaviour=PAYMENT, behaviour_key="order:1", now=NOON)
    services.exchange(user_id=alice.id, item_id=item, quantity=1, request_id="tap-one", now=NOON)

    assert operator_browser.get(page(model, "changelist")).status_code == 200
    row = model._default_manager.all()[0]
    assert operator_browser.get(page(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", [Draw, Delivery, Rebate, SignIn, ExchangeOrder])
def test_records_cannot_be_added_or_deleted(operator_browser: Client, model: type[Model]) -> None:
    assert operator_browser.get(page(model, "add")).status_code == 403


def test_a_draft_is_written_checked_and_published(operator_browser: Client, autumn: ActivityDetail) -> None:
    prizes = [
        {"position": 0, "title": "5 credits", "kind": "quota", "amount": 5000, "weight": 1},
        {"position": 1, "title": "Thank you", "kind": "nothing", "amount": 0, "weight": 98, "is_fallback": "on"},
    ]
    body = {"activity": str(autumn.id), "declared_total": 100, "reason": "winter", **prize_forms(None, *prizes)}
    saved = operator_browser.post(page(OddsVersion, "add"), body)
    assert saved.status_code == 302, saved.content.decode()
    draft = OddsVersion.objects.get(state="draft")

    refused = act(operator_browser, draft, "publish")
    assert "odds_weights_mismatch" in refused
    assert OddsVersion.objects.get(pk=draft.pk).state == "draft"

    emptied = {"declared_total": 99, "reason": "sum", **prize_forms(draft)}
    shown = operator_browser.post(page(OddsVersion, "change", draft.pk), emptied)
    assert shown.context["adminform"].form.non_field_errors() == ["别人改过这份草稿，请重新打开。 (draft_changed)"]

    stored = draft.prizes.order_by("position").values_list("pk", flat=True)
    kept = [{**prize, "id": str(pk)} for prize, pk in zip(prizes, stored, strict=True)]
    change = {"declared_total": 99, "reason": "sum", **prize_forms(draft, *kept, initial=2)}
    assert operator_browser.post(page(OddsVersion, "change", draft.pk), change).status_code == 302
    act(operator_browser, draft, "publish", reason="winter campaign")

    draft.refresh_from_db()
    assert draft.state == "published"
    entry = AuditEntry.objects.get(action="marketing.publish_odds", target_id=str(draft.pk))
    assert entry.reason == "winter campaign"
    assert entry.actor.startswith("staff:")


def test_a_draft_with_two_fallbacks_is_an_error_of_the_form(operator_browser: Client, autumn: ActivityDetail) -> None:
    prizes = [
        {"position": place, "title": "Thank you", "kind": "nothing", "amount": 0, "weight": 1, "is_fallback": "on"}
        for place in (0, 1)
    ]
    body = {"activity": str(autumn.id), "declared_total": 2, "reason": "winter", **prize_forms(None, *prizes)}

    refused = operator_browser.post(page(OddsVersion, "add"), body)

    assert refused.status_code == 200
    assert refused.context["adminform"].form.non_field_errors() == ["只能有一个兜底奖品。 (odds_fallback_ambiguous)"]
    assert not OddsVersion.objects.filter(state="draft").exists()


def test_published_odds_are_read_only_and_show_weight_beside_percent(
    operator_browser: Client, autumn: ActivityDetail
) -> None:
    address = page(OddsVersion, "change", autumn.odds_version_id)

    shown = operator_browser.get(address).content.decode()

    assert "70 %" in shown
    assert 'name="declared_total"' not in shown
    assert operator_browser.post(address, {"declared_total": 1, "reason": "no"}).status_code == 403


def test_a_published_version_is_cloned_into_a_draft(operator_browser: Client, autumn: ActivityDetail) -> None:
    act(operator_browser, OddsVersion.objects.get(activity_id=autumn.id), "clone")

    assert OddsVersion.objects.get(state="draft").declared_total == sum(prize.weight for prize in PRIZES)


def test_an_activity_is_paused_with_a_reason(operator_browser: Client, autumn: ActivityDetail) -> None:
    row = Activity.objects.get(pk=autumn.id)

    act(operator_browser, row, "pause", reason="")
    assert Activity.objects.get(pk=autumn.id).state == ActivityState.LIVE
    act(operator_browser, row, "pause", reason="complaints")

    assert Activity.objects.get(pk=autumn.id).state == ActivityState.PAUSED
    assert AuditEntry.objects.filter(action="marketing.set_activity_state", reason="complaints").exists()


def test_an_activity_is_edited_with_a_reason_and_a_window_that_can_be(
    operator_browser: Client, autumn: ActivityDetail
) -> None:
    body = {
        "title": "Winter draw",
        "subtitle": "",
        "starts_at_0": "2026-11-01",
        "starts_at_1": "00:00",
        "ends_at_0": "2026-10-01",
        "ends_at_1": "00:00",
        "time_zone": "Asia/Shanghai",
        "reason": "season",
    }
    address = page(Activity, "change", autumn.id)

    assert operator_browser.post(address, body).status_code == 200
    assert operator_browser.post(address, {**body, "ends_at_0": "2027-01-01"}).status_code == 302

    row = Activity.objects.get(pk=autumn.id)
    assert (row.title, row.state, row.limit_day) == ("Winter draw", "live", None)
    entry = AuditEntry.objects.filter(action="marketing.save_activity").order_by("-pk")[0]
    assert (entry.reason, (entry.before or {})["title"]) == ("season", "Autumn draw")


def test_stock_is_corrected_on_its_form(operator_browser: Client, autumn: ActivityDetail) -> None:
    stock = services.save_stock(activity_id=autumn.id, code="cups", total=5, now=NOON)
    PrizeStock.objects.filter(pk=stock.id).update(issued=2)
    address = page(PrizeStock, "change", stock.id)

    assert operator_browser.post(address, {"total": 1, "reason": "broken"}).status_code == 200
    assert operator_browser.post(address, {"total": 3, "reason": "broken"}).status_code == 302

    row = PrizeStock.objects.get(pk=stock.id)
    assert (row.total, row.issued) == (3, 2)


def test_an_items_stock_stays_above_what_is_sold(alice: Member, operator_browser: Client, db: None) -> None:
    item_id = services.save_exchange_item(stock=5, now=NOON, **CREDITS)
    campaign.give_points(alice.id, 3)
    services.exchange(user_id=alice.id, item_id=item_id, quantity=3, request_id="tap-one", now=NOON)
    address, form = page(ExchangeItem, "change", item_id), {**CREDITS, "is_active": "on", "reason": "recount"}

    refused = operator_browser.post(address, {**form, "stock": 2})

    assert refused.status_code == 200
    assert refused.context["adminform"].form.non_field_errors() == ["库存不能低于已售出的 3 件。 (stock_below_sold)"]
    assert ExchangeItem.objects.get().stock == 5
    assert not AuditEntry.objects.filter(reason="recount").exists()
    assert operator_browser.post(address, {**form, "stock": 3}).status_code == 302
    assert ExchangeItem.objects.get().stock == 3


def test_what_could_not_be_sold_or_given_is_an_error_of_the_form(
    operator_browser: Client, autumn: ActivityDetail
) -> None:
    draft = campaign.activity(state=ActivityState.DRAFT)
    chances = {**CREDITS, "kind": "chances", "activity": str(draft.id), "is_active": "on", "reason": "new"}
    dear = {**CREDITS, "amount": 10**15, "is_active": "on", "reason": "new"}
    rule = {
        "code": "pay",
        "title": "Payment",
        "behaviour": "payment",
        "points": 0,
        "points_per_yuan": 0,
        "chances": 1,
        "activity": str(draft.id),
        "is_active": "on",
        "reason": "new",
    }
    stock = {"activity": str(autumn.id), "code": "cups", "total": 0, "reason": "new"}

    for model, form, said in (
        (ExchangeItem, chances, "抽奖次数没有人能用"),
        (ExchangeItem, dear, "这个数量无法发放"),
        (RebateRule, rule, "抽奖次数没有人能用"),
        (PrizeStock, stock, "库存至少要有一件"),
    ):
        answer = operator_browser.post(page(model, "add"), form)
        assert answer.status_code == 200, form
        assert said in str(answer.context["adminform"].form.non_field_errors())
        assert not model._default_manager.exists()


def test_the_time_zone_of_a_started_activity_stays(operator_browser: Client, autumn: ActivityDetail) -> None:
    row = Activity.objects.get(pk=autumn.id)
    form = {
        "title": "Winter draw",
        "starts_at_0": "2026-11-01",
        "starts_at_1": "00:00",
        "ends_at_0": "2027-01-01",
        "ends_at_1": "00:00",
        "time_zone": "America/New_York",
        "reason": "moved",
    }

    refused = operator_browser.post(page(Activity, "change", autumn.id), form)

    assert refused.status_code == 200
    assert "活动开始后不能更改时区" in refused.content.decode()
    assert Activity.objects.values().get(pk=autumn.id) == {
        name: getattr(row, name) for name in Activity.objects.values()[0]
    }
    assert not AuditEntry.objects.filter(reason="moved").exists()


def test_rules_and_items_are_configured_without_a_deploy(operator_browser: Client, autumn: ActivityDetail) -> None:
    rule = {
        "code": "daily",
        "title": "Daily",
        "behaviour": "sign_in",
        "points": 10,
        "points_per_yuan": 0,
        "chances": 1,
        "activity": str(autumn.id),
        "is_active": "on",
        "reason": "launch",
    }
    item = {
        "code": "draw",
        "title": "One draw",
        "kind": "chances",
        "amount": 1,
        "price_points": 30,
        "activity": str(autumn.id),
        "is_active": "on",
        "reason": "launch",
    }

    assert operator_browser.post(page(RebateRule, "add"), rule).status_code == 302
    assert operator_browser.post(page(ExchangeItem, "add"), item).status_code == 302
    assert (
        operator_browser.post(
            page(RebateRule, "change", RebateRule.objects.get().pk), {**rule, "points": 20, "reason": "more"}
        ).status_code
        == 302
    )

    saved = RebateRule.objects.get()
    assert (saved.points, saved.version) == (20, 2)
    assert ExchangeItem.objects.get().price_points == 30
    assert set(AuditEntry.objects.filter(reason__in=["launch", "more"]).values_list("action", flat=True)) == {
        "marketing.save_rebaterule",
        "marketing.save_exchangeitem",
    }


def test_an_operator_delivers_what_is_owed(alice: Member, operator_browser: Client, autumn: ActivityDetail) -> None:
    campaign.publish(autumn.id, campaign.sure(campaign.POINTS_PRIZE, autumn.id))
    campaign.give_chances(alice.id, autumn.id)
    campaign.draw(alice.id, autumn.id)

    act(operator_browser, Delivery.objects.get(), "replay")

    assert Delivery.objects.get().state == "done"
    assert campaign.available(alice.id, "points") == 20


@pytest.mark.parametrize(
    ("asset", "amount", "said"),
    [
        (AdjustedAsset.QUOTA, -2500, "-2.5 "),
        (AdjustedAsset.QUOTA, 1_000_000, "+1000 "),
        (AdjustedAsset.POINTS, 20, "+20 "),
    ],
)
def test_a_proposal_says_who_gets_how_much_in_the_unit_that_members_see(
    alice: Member, asset: AdjustedAsset, amount: int, said: str
) -> None:
    request = AdjustmentRequest(user_id=alice.id, asset=asset, amount=amount, incident="complaint 12", request_id="one")

    line = services.describe_adjustment(content=request.as_json())

    assert line == f"Alice · {said}{asset.label} · complaint 12"
