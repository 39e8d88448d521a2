"""A member's statement: every movement of an account, newest first, page by page."""

from datetime import timedelta
from itertools import islice

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from apps.kernel.errors import CursorNotValid
from apps.ledger import selectors
from apps.ledger import services as ledger
from apps.ledger.services import reading
from tests.integration.ledger.bank import ALICE, BOB, NOON, REVENUE, issue, post, reserve, spend

pytestmark = pytest.mark.django_db


def test_entries_are_signed_and_carry_the_balance_after_each() -> None:
    issue(ALICE, 10)
    spend(ALICE, 3)
    post(reserve(ALICE, 5), 4)

    found = ledger.entries(account=ALICE, cursor=None)

    assert [(entry.amount, entry.balance_after) for entry in found.items] == [(-4, 3), (-3, 7), (10, 10)]
    assert (found.next, found.previous) == (None, None)


def test_a_grant_says_when_it_ends() -> None:
    ends_at = NOON + timedelta(days=30)
    issue(ALICE, 10)
    issue(ALICE, 5, ends_at=ends_at)
    spend(ALICE, 1)

    ends = [entry.ends_at for entry in ledger.entries(account=ALICE, cursor=None).items]
    assert ends == [None, ends_at, None]


def test_system_accounts_have_no_statement() -> None:
    issue(ALICE, 10)
    spend(ALICE, 3)

    assert ledger.entries(account=REVENUE, cursor=None).items == ()


def test_pages_lead_back_and_forth_in_one_query_each(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for amount in range(1, 8):
        issue(ALICE, amount)

    with django_assert_num_queries(1):
        first = ledger.entries(account=ALICE, cursor=None, size=3)
    second = ledger.entries(account=ALICE, cursor=first.next, size=3)
    third = ledger.entries(account=ALICE, cursor=second.next, size=3)
    back = ledger.entries(account=ALICE, cursor=second.previous, size=3)

    amounts = [[entry.amount for entry in page.items] for page in (first, second, third, back)]
    assert amounts == [[7, 6, 5], [4, 3, 2], [1], [7, 6, 5]]
    assert third.next is None
    with pytest.raises(CursorNotValid):
        ledger.entries(account=ALICE, cursor="x")


@pytest.mark.parametrize("movements", [3, 4])
def test_a_statement_read_by_two_at_a_time_is_whole_and_ends(monkeypatch: pytest.MonkeyPatch, movements: int) -> None:
    monkeypatch.setattr(reading, "_STATEMENT_PAGE", 2)
    for amount in range(1, movements + 1):
        issue(ALICE, amount)

    found = islice(ledger.statement(account=ALICE), movements + 1)

    assert [entry.amount for entry in found] == list(range(movements, 0, -1))


def test_a_page_is_read_from_the_two_indexes_of_the_account() -> None:
    if connection.vendor == "postgresql":
        for _ in range(120):  # in a smaller table one index is as good as the other
            issue(BOB, 1)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE ledger_transfer")
            cursor.execute("SET LOCAL enable_seqscan = off")  # nor does a small one need any
    plan = selectors.entries_of(ALICE).order_by("-pk")[:21].explain()

    assert "ledger_transfer_out_of_user" in plan
    assert "ledger_transfer_into_user" in plan
    if connection.vendor == "postgresql":
        assert "Merge Append" in plan  # nothing is sorted, however long the account's history
