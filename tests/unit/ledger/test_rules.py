"""What the ledger refuses before it asks the database."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from apps.kernel.ids import UserId
from apps.ledger import causes, rules
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


@pytest.mark.parametrize("leg", ["hold", "taken_back", "main.owed"])
def test_a_leg_of_the_ledgers_own_is_nobody_elses(leg: str) -> None:
    with pytest.raises(ValueError, match="the ledger's own"):
        rules.check_leg(leg)


def test_a_system_account_has_nothing_to_spend() -> None:
    with pytest.raises(ValueError, match="no balance"):
        rules.check_user_account(ISSUER)


def test_only_lots_end() -> None:
    chances = ledger.AccountRef(ALICE.owner, "chances:1")
    assert (ALICE.has_lots, chances.has_lots, ISSUER.has_lots) == (True, False, False)

    for account, ends_at in ((ALICE, NOON), (ALICE, None), (chances, None)):
        rules.check_end(account, ends_at)
    with pytest.raises(ValueError, match="cannot end"):
        rules.check_end(chances, NOON)


@pytest.mark.parametrize(
    ("amount", "parts"),
    [(1, [1]), (3, [3]), (4, [3, 1]), (5, [3, 2]), (9, [3, 2, 4]), (10, [3, 2, 4])],
)
def test_lots_pay_in_their_order_as_far_as_they_go(amount: int, parts: list[int]) -> None:
    lots = [(UUID(int=1), 3), (UUID(int=2), 2), (UUID(int=3), 4)]

    shares = rules.shares(amount, lots)

    assert [share.amount for share in shares] == parts
    assert [(share.lot_id, share.amount + share.left) for share in shares] == lots[: len(parts)]


def test_nothing_takes_nothing() -> None:
    assert rules.shares(0, [(UUID(int=1), 3)]) == []


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
        ledger.grant(account=ALICE, amount=1, purse=ledger.Purse.GIFT, kind="test", cause=CAUSE, now=NOON)
    with pytest.raises(RuntimeError, match="transaction"):
        ledger.spend(account=ALICE, amount=1, sink="revenue", kind="test", cause=CAUSE, now=NOON)
    with pytest.raises(RuntimeError, match="transaction"):
        ledger.take_back(granted=CAUSE, kind="test", cause=CAUSE, now=NOON)
    with pytest.raises(RuntimeError, match="transaction"):
        ledger.hold(account=ALICE, amount=1, kind="test", cause=CAUSE, deadline_at=NOON, now=NOON)
    with pytest.raises(RuntimeError, match="transaction"):
        ledger.post(hold_id=hold_id, amount=1, sink="revenue", now=NOON)
    with pytest.raises(RuntimeError, match="transaction"):
        ledger.void(hold_id=hold_id, now=NOON)


def test_whatever_may_free_an_amount_may_pay_a_debt_with_it() -> None:
    freeing = {"hold", "taken_back"}
    known = {(kind, leg) for kind, leg in causes.known_legs if leg in freeing}

    assert {kind for kind, leg in known if leg == "hold"} >= {"chat.generation"}
    assert {(kind, f"{leg}.owed") for kind, leg in known} <= causes.known_legs
