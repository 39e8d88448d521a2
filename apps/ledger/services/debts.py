"""What an account owes is paid by whatever becomes free in it, at once."""

from datetime import datetime

from apps.ledger import rules
from apps.ledger.contracts import Cause, system_account
from apps.ledger.engine import balances, lots
from apps.ledger.engine.balances import Changed
from apps.ledger.engine.transfers import new_transfer
from apps.ledger.models import Transfer

ISSUER = "issuer"


def pay_owed(account: Changed, *, cause: Cause, leg: str, now: datetime) -> None:
    """Pay what an account owes, as just changed, as far as something of it is free; `leg` of the cause freed it.

    What is left of lots that were taken back pays first, then the others in the order of spending.
    """
    if account.payable:
        lots.repay(move_owed(account, cause=cause, leg=leg, now=now))


def move_owed(account: Changed, *, cause: Cause, leg: str, now: datetime) -> Transfer:
    """The movement that pays what can be paid; its lots are the caller's."""
    after = balances.change(account.ref.id, balance=-account.payable, owed=-account.payable).balance
    payment = new_transfer(
        debit=account.ref,
        credit=system_account(ISSUER, account.ref.asset),
        amount=account.payable,
        kind="owed",
        cause=cause,
        leg=rules.owed_leg(leg),
        balance_after=after,
        now=now,
    )
    payment.save(force_insert=True)
    return payment
