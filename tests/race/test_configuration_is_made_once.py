"""Real threads: operators who save the same code at the same moment make one row, and none of them fails."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, models

from apps.accounts import services as accounts
from apps.accounts.models import ReplyText
from apps.kernel import configuration
from apps.kernel.models import AuditEntry
from apps.marketing import services as marketing
from apps.marketing.models import Activity, ExchangeItem, PrizeStock, RebateRule, Stage
from apps.orders import services as orders
from apps.orders.models import Product
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON
from tests.race.concurrency import run_concurrently, run_together
from tests.race.guards import dropped, guarded_by, replaced

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

THREADS = 12
MADE_AGAIN = dropped("marketing_exchangeitem_code_key", "marketing_prizestock_code_once")


def save_item(title: str = "Cup") -> object:
    return marketing.save_exchange_item(code="n", title=title, kind="quota", amount=1000, price_points=1, now=NOON)


def save_rule(title: str = "Daily") -> object:
    return marketing.save_rebate_rule(code="n", title=title, behaviour="sign_in", points=1, now=NOON)


def save_product(title: str = "Pack") -> object:
    return orders.save_product(code="n", title=title, amount_fen=100, quota_milli=1000, now=NOON)


def save_stage() -> None:
    marketing.bind_stage(channel="web", source="n", activity_id=Activity.objects.get().pk, now=NOON)


def save_stock(total: int = 3) -> object:
    return marketing.save_stock(activity_id=Activity.objects.get().pk, code="n", total=total, now=NOON)


def found_or_made_at_first(model: Any, key: Any, defaults: Any) -> Any:
    return configuration._locked(model).get_or_create(**key, defaults=defaults)


@pytest.mark.parametrize(
    ("model", "save"),
    [
        (ExchangeItem, save_item),
        (RebateRule, save_rule),
        (Product, save_product),
        (Stage, save_stage),
        (PrizeStock, save_stock),
    ],
)
@guarded_by(MADE_AGAIN, meet="INSERT INTO", seen="== 1|Multiple|Error")
def test_the_same_row_is_made_once(model: type[models.Model], save: Callable[[], object]) -> None:
    campaign.activity()
    trail = AuditEntry.objects.count()

    outcomes = run_concurrently(save, THREADS)

    assert outcomes.errors == []
    assert model._default_manager.count() == 1
    assert AuditEntry.objects.count() == trail + 1


@pytest.mark.parametrize(
    ("model", "save"), [(ExchangeItem, save_item), (RebateRule, save_rule), (Product, save_product)]
)
@guarded_by(MADE_AGAIN, meet="INSERT INTO", seen="== 1|Multiple|Error")
def test_who_comes_second_changes_what_the_first_made(model: type[models.Model], save: Callable[[str], object]) -> None:
    titles = [f"title {number}" for number in range(THREADS)]

    outcomes = run_together([lambda title=title: save(title) for title in titles])  # type: ignore[misc]

    assert outcomes.errors == []
    told: list[Any] = list(AuditEntry.objects.order_by("id").filter(target_id=str(model._default_manager.get().pk)))
    assert [entry.before is None for entry in told].count(True) == 1
    assert sorted(entry.after["title"] for entry in told) == sorted(titles)


@guarded_by(MADE_AGAIN, meet="INSERT INTO", seen="== 1|Multiple|Error")
def test_a_stock_keeps_the_number_of_who_made_it() -> None:
    campaign.activity()

    outcomes = run_together([lambda total=total: save_stock(total) for total in range(1, THREADS + 1)])  # type: ignore[misc]

    assert outcomes.errors == []
    [entry] = AuditEntry.objects.filter(action="marketing.save_prizestock")
    assert entry.after == {"total": PrizeStock.objects.get().total}


@guarded_by(
    replaced("apps.kernel.configuration._found_or_made", found_or_made_at_first), seen="IntegrityError|DoesNotExist"
)
def test_who_meets_a_row_that_is_gone_at_once_makes_it() -> None:
    key = {"key": next(iter(accounts.reply_texts()))}
    said: dict[str, Any] = {"actor": "staff:1", "reason": "why not", "now": NOON}
    others = 0

    def made_and_removed(execute: Any, sql: str, *rest: Any) -> Any:
        """Others make the row before this insert, which fails, and remove it before the next look."""
        nonlocal others
        if not sql.startswith('INSERT INTO "accounts_replytext"') or others:
            return execute(sql, *rest)
        others += 1
        with ThreadPoolExecutor(max_workers=1) as other:
            other.submit(elsewhere, configuration.save, values={"text": "Theirs"}).result(timeout=60)
            try:
                return execute(sql, *rest)
            finally:
                other.submit(elsewhere, configuration.remove).result(timeout=60)

    def elsewhere(act: Callable[..., object], **values: Any) -> None:
        try:
            act(ReplyText, key=key, **values, **said)
        finally:
            connection.close()

    with connection.execute_wrapper(made_and_removed):
        configuration.save(ReplyText, key=key, values={"text": "Ours"}, **said)

    assert others == 1
    assert ReplyText.objects.get().text == "Ours"
    assert [entry.after for entry in AuditEntry.objects.order_by("pk")] == [{"text": "Theirs"}, None, {"text": "Ours"}]
