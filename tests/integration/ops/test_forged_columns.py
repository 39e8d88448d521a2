"""Another value in any column of any row is refused or named, but in the columns that are explained.

A new column needs its guard, its check, or a reason in forgeries_<app>.py.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction
from django.test.utils import CaptureQueriesContext

from apps.kernel import clock
from apps.kernel.ids import new_id
from apps.kernel.invariants import Invariant, all_invariants, find
from tests.integration.ops import (
    forgeries_accounts,
    forgeries_chat,
    forgeries_kernel,
    forgeries_ledger,
    forgeries_marketing,
    forgeries_orders,
)
from tests.integration.ops.forgeries_orders import Forgery
from tests.integration.ops.test_forger import built, deliver_all, world

__all__ = ["built", "world"]

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("forged-columns")]

FORGERIES: dict[str, list[Forgery]] = {
    "orders": forgeries_orders.NAMED,
    "chat": forgeries_chat.NAMED,
    "accounts": forgeries_accounts.NAMED,
    "kernel": forgeries_kernel.NAMED,
}
# A column, or a table as a whole, and why it may hold anything.
EXPLAINED: dict[str, dict[str, str]] = {
    "orders": forgeries_orders.EXPLAINED,
    "ledger": forgeries_ledger.EXPLAINED,
    "chat": forgeries_chat.EXPLAINED,
    "accounts": forgeries_accounts.EXPLAINED,
    "kernel": forgeries_kernel.EXPLAINED,
    "marketing": forgeries_marketing.EXPLAINED,
}
# Rows that the site of the forger tests does not have, or has one of, when a forger would move others to a second.
WIDENED: dict[str, Callable[[], None]] = {
    "chat": forgeries_chat.think,
    "accounts": forgeries_accounts.sign_in,
    "kernel": forgeries_kernel.widen,
    "marketing": forgeries_marketing.widen,
    "ledger": forgeries_ledger.widen,
}


@pytest.fixture
def now(world: None) -> datetime:
    """The moment of every look: nothing is overdue only because forging takes its time."""
    deliver_all()
    for widen in WIDENED.values():
        widen()
    return clock.now()


@pytest.fixture
def readers(now: datetime) -> dict[str, list[Invariant]]:
    """The checks that read each table, and find nothing; but for those of definitions and of broken keys."""
    readers: dict[str, list[Invariant]] = {model._meta.db_table: [] for model in apps.get_models()}
    for item in all_invariants():
        with CaptureQueriesContext(connection) as queries:
            assert find(item, now=now).breaches == ()
        said = " ".join(query["sql"] for query in queries if not item.number.startswith("I-02"))
        for table, checks in readers.items():
            # Movements are also read through their view.
            if table in said or (table == "ledger_transfer" and "ledger_entry" in said):
                checks.append(item)
    return readers


@pytest.mark.parametrize("app", FORGERIES)
def test_a_forged_row_is_named(app: str, now: datetime) -> None:
    unnamed = {}
    for what, forge, number in FORGERIES[app]:
        checks = [item for item in all_invariants() if item.number == number]
        with transaction.atomic():
            assert not any(named(checks, now))
            forge()
            if not any(named(checks, now)):
                unnamed[what] = number
            transaction.set_rollback(True)

    assert unnamed == {}


@pytest.mark.parametrize("app", EXPLAINED)
def test_another_value_is_refused_or_named(app: str, readers: dict[str, list[Invariant]], now: datetime) -> None:
    explained = EXPLAINED[app]
    passed = {name for name in explained if name.count(".") == 1}
    for model in apps.get_app_config(app).get_models():
        if model._meta.managed and not model._meta.proxy and model._meta.label not in passed:
            passed |= {f"{model._meta.label}.{name}" for name in unseen(model, readers[model._meta.db_table], now)}

    assert passed == set(explained), "a column needs a trigger, a check or a reason (forgeries_<app>.py)"


def unseen(model: type[models.Model], checks: list[Invariant], now: datetime) -> set[str]:
    """Columns of which some other value, in some row, is neither refused nor named by these checks."""
    rows = list(model._base_manager.order_by("pk"))
    assert rows, f"the site has no {model._meta.label}"
    return {
        field.name
        for field in model._meta.local_concrete_fields
        if any(
            not is_noticed(model._base_manager.filter(pk=row.pk), {field.attname: value}, checks, now)
            for row in rows
            for value in others(field, getattr(row, field.attname))
        )
    }


def is_noticed(rows: models.QuerySet[Any], forged: dict[str, Any], checks: list[Invariant], now: datetime) -> bool:
    """Write the value, ask, and undo it."""
    try:
        with transaction.atomic():
            assert rows.update(**forged)
            connection.check_constraints()
            noticed = any(named(checks, now))
            transaction.set_rollback(True)
    except DatabaseError:
        return True
    return noticed


def named(checks: list[Invariant], now: datetime) -> Iterator[bool]:
    """Whether each check finds something."""
    return (bool(find(item, now=now).breaches) for item in checks)


def others(field: Any, value: Any) -> Iterator[Any]:
    """Values that a forger may write instead of this one."""
    if value is not None and field.null:
        yield None
    if field.choices:
        yield from {choice for choice, _ in field.choices} - {value}
    elif field.is_relation:
        yield from field.related_model._base_manager.exclude(pk=value).order_by("pk").values_list("pk", flat=True)[:3]
    elif isinstance(field, models.BooleanField):
        yield not value
    elif isinstance(field, models.IntegerField):
        yield from {0, 1, (value or 0) + 1} - {value}
    elif isinstance(field, models.DateField):
        yield from ((value or field.to_python(clock.now())) + timedelta(days=days) for days in (-1, 1))
    elif isinstance(field, models.UUIDField):
        yield new_id()
    elif isinstance(field, models.JSONField):
        yield ["forged"]
    else:
        yield ("x" + (value or ""))[: field.max_length]
        if value:
            yield ""
