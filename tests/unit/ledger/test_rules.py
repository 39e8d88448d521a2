"""What the ledger refuses before it asks the database."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from apps.kernel.ids import UserId
from apps.ledger import rules
from apps.ledger import services as ledger

ALICE = ledger.user_account(UserId(UUID(int=1)), "points")
ISSUER = ledger.system_account("issuer", "points")
NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
CAUSE = ledger.Cause("test.fact", "1")


@pytest.mark.parametrize("amount", [0, -1, rules.LARGEST_AMOUNT + 1, True, 1.0, "1", None])
def test_only_whole_positive_amounts_within_the_limit_move(amount: int) -> None:
    with pytest.raises(ledger.InvalidAmount):
        rules.check_amount(amount)


@pytest.mark.parametrize("amount", [1, rules.LARGEST_AMOUNT])
def test_the_smallest_and_the_largest_amount_move(amount: int) -> None:
    rules.check_amount(amount)


def test_a_hold_may_be_posted_with_nothing_but_not_with_less() -> None:
    rules.check_posted_amount(0)
    for amount in (-1, False):
        with pytest.raises(ledger.InvalidAmount):
            rules.check_posted_amount(amount)


def test_a_transfer_needs_two_accounts_of_one_asset_and_a_leg_that_is_not_the_holds() -> None:
    with pytest.raises(ValueError, match="two accounts"):
        rules.check_transfer(debit=ALICE, credit=ALICE, amount=1, leg="main")
    with pytest.raises(ValueError, match="one asset"):
        rules.check_transfer(debit=ledger.system_account("issuer", "quota"), credit=ALICE, amount=1, leg="main")
    with pytest.raises(ValueError, match="posted holds"):
        rules.check_transfer(debit=ISSUER, credit=ALICE, amount=1, leg=rules.HOLD_LEG)


def test_a_system_account_has_nothing_to_reserve() -> None:
    with pytest.raises(ValueError, match="no balance"):
        rules.check_reservable(ISSUER, 1)


@pytest.mark.parametrize(("owner", "asset"), [("", "points"), ("user:1", ""), ("user:1|points", "x"), ("a", "b|c")])
def test_an_account_name_is_never_ambiguous(owner: str, asset: str) -> None:
    with pytest.raises(ValueError, match="not an account name"):
        ledger.AccountRef(owner, asset)


def test_an_accounts_key_follows_from_its_name_forever() -> None:
    assert ISSUER.id == UUID("b32357d5-958a-545d-bee3-e3b8c2fa90d7")
    assert ISSUER.id == ledger.AccountRef("system:issuer", "points").id
    assert ISSUER.id != ledger.system_account("issuer", "quota").id
    assert ISSUER.is_system
    assert not ALICE.is_system


def test_writing_verbs_refuse_to_run_outside_a_transaction() -> None:
    hold_id = uuid4()
    with pytest.raises(RuntimeError, match="transaction"):
        ledger.transfer(debit=ISSUER, credit=ALICE, amount=1, kind="test", cause=CAUSE, now=NOON)
    with pytest.raises(RuntimeError, match="transaction"):
        ledger.reserve(account=ALICE, amount=1, kind="test", cause=CAUSE, deadline_at=NOON, now=NOON)
    with pytest.raises(RuntimeError, match="transaction"):
        ledger.post(hold_id=hold_id, amount=1, credit=ISSUER, now=NOON)
    with pytest.raises(RuntimeError, match="transaction"):
        ledger.void(hold_id=hold_id, now=NOON)
