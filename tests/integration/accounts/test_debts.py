"""Who owes what was taken back: the same WeChat would come back without the debt, so they pay before they leave."""

import pytest
from django.db import transaction
from django.test import Client

from apps.accounts import services
from apps.accounts.contracts import Member
from apps.kernel import clock
from apps.ledger import services as ledger
from apps.ledger.contracts import Cause, Purse

pytestmark = pytest.mark.django_db


def grant(person: Member, purse: Purse, cause: Cause, amount: int = 1000) -> None:
    account = ledger.user_account(person.id, "points")
    ledger.grant(account=account, amount=amount, purse=purse, kind="test", cause=cause, now=clock.now())


@pytest.fixture(autouse=True)
def owing(alice: Member) -> None:
    """What Alice bought and spent was taken back."""
    bought, spent, back = (Cause("test.fact", f"{alice.id} {number}") for number in range(3))
    account, now = ledger.user_account(alice.id, "points"), clock.now()
    with transaction.atomic():
        grant(alice, Purse.PAID, bought)
        ledger.spend(account=account, amount=1000, sink="revenue", kind="test", cause=spent, now=now)
        ledger.take_back(granted=bought, kind="test", cause=back, now=now)


def closed(browser: Client) -> tuple[int, str]:
    answer = browser.delete("/api/v1/me", {"confirm": "Alice"}, "application/json")
    return answer.status_code, answer.json()["code"] if answer.content else ""


def test_who_owes_does_not_leave(alice: Member, bob: Member, alice_browser: Client) -> None:
    assert closed(alice_browser) == (409, "debt_open")
    assert ledger.check_nothing_owed(user_id=bob.id) is None
    with transaction.atomic():
        grant(alice, Purse.GIFT, Cause("test.gift", str(alice.id)), 999)
    assert closed(alice_browser) == (409, "debt_open")
    assert services.get_member(user_id=alice.id).status == "active"


def test_who_has_paid_what_they_owed_may_leave(alice: Member, alice_browser: Client) -> None:
    with transaction.atomic():
        grant(alice, Purse.GIFT, Cause("test.gift", str(alice.id)))

    assert closed(alice_browser) == (204, "")
