"""What only shows with real commits: the memory of system accounts, and the flush between such tests."""

import pytest
from django.core.management import call_command
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from apps.ledger import services as ledger
from apps.ledger.models import Account, Transfer
from tests.integration.ledger.bank import ALICE, NOON, breaches, cause, issue, money

pytestmark = pytest.mark.django_db(transaction=True)


def _grant() -> None:
    ledger.grant(account=ALICE, amount=1, purse=ledger.Purse.GIFT, kind="test", cause=cause(), now=NOON)


def test_a_system_account_is_remembered_only_once_it_is_committed(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with transaction.atomic():
        _grant()
        transaction.set_rollback(True)
    assert not Account.objects.exists()

    issue(ALICE, 1)

    with transaction.atomic(), django_assert_num_queries(3):
        _grant()
    assert money(ALICE) == (2, 0)
    assert breaches() == []


def test_a_flushed_database_begins_anew_with_its_guards() -> None:
    issue(ALICE, 1)

    call_command("flush", interactive=False, verbosity=0)
    assert not Transfer.objects.exists()
    issue(ALICE, 1)

    assert money(ALICE) == (1, 0)
    assert breaches() == []
