"""Rows of movements between a user's account and a system account."""

from datetime import datetime

from apps.kernel.db import insert_once
from apps.ledger.contracts import AccountRef, Cause
from apps.ledger.models import Transfer


def new_transfer(
    *,
    debit: AccountRef,
    credit: AccountRef,
    amount: int,
    kind: str,
    cause: Cause,
    leg: str,
    balance_after: int,
    now: datetime,
) -> Transfer:
    """A movement that is not written yet; `balance_after` is the user's.

    Its id is made here, with the account locked: an account's ids follow its balances.
    """
    return Transfer(
        debit_id=debit.id,
        credit_id=credit.id,
        asset=debit.asset,
        amount=amount,
        kind=kind,
        cause_type=cause.type,
        cause_id=cause.id,
        leg=leg,
        debit_balance_after=None if debit.is_system else balance_after,
        credit_balance_after=None if credit.is_system else balance_after,
        created_at=now,
    )


def is_first(row: Transfer) -> bool:
    """Write a movement; False when this leg of its cause has moved something before."""
    return insert_once(row, unless_same=("cause_type", "cause_id", "leg"))
