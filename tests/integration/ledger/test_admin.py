"""Operators look at the ledger and change nothing."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.integration.ledger.bank import ALICE, issue, post, reserve, snapshot, spend

pytestmark = pytest.mark.django_db

TABLES = ("account", "transfer", "hold", "lot")


@pytest.fixture(autouse=True)
def some_rows(db: None) -> None:
    """Something to look at."""
    issue(ALICE, 10)
    spend(ALICE, 1)
    post(reserve(ALICE, 5), 2)


@pytest.mark.parametrize("table", TABLES)
def test_an_operator_sees_and_searches_each_table(operator_browser: Client, table: str) -> None:
    page = operator_browser.get(reverse(f"admin:ledger_{table}_changelist"), {"q": ALICE.owner})

    assert page.status_code == 200
    assert page.context["cl"].result_count == (1 if table in {"account", "lot"} else 0)


@pytest.mark.parametrize("table", TABLES)
def test_an_operator_cannot_add_or_delete(operator_browser: Client, table: str) -> None:
    before = snapshot()
    key = before[TABLES.index(table)][0][0]

    assert operator_browser.post(reverse(f"admin:ledger_{table}_add")).status_code == 403
    for verb in ("delete", "change"):
        assert operator_browser.post(reverse(f"admin:ledger_{table}_{verb}", args=[key])).status_code == 403

    assert snapshot() == before
