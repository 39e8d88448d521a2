"""The ledger's door: grant, spend, hold, post, void and take back integer amounts, and read balances and statements.

Amounts are whole numbers of an asset's smallest unit. The writing verbs belong to the caller's
transaction (RuntimeError outside one) and happen once per cause: a repeat returns the first result
and changes nothing. A refusal may leave one trace: lots that had ended are gone.
"""

from apps.ledger.causes import declare_movement, declare_reservation, movement_breaches, reservation_breaches
from apps.ledger.contracts import (
    AccountRef,
    Balance,
    Cause,
    Entry,
    Hold,
    HoldState,
    Movement,
    Purse,
    Reservation,
    TakenBack,
    Transfer,
    system_account,
    user_account,
    user_owner,
)
from apps.ledger.errors import (
    CauseConflict,
    DebtOpen,
    GrantEnded,
    GrantNotFound,
    HoldNotFound,
    InsufficientFunds,
    InvalidAmount,
)
from apps.ledger.services.expiring import expire_lots
from apps.ledger.services.holding import hold, post, void
from apps.ledger.services.moving import grant, spend
from apps.ledger.services.reading import balance, balances, check_nothing_owed, entries, statement
from apps.ledger.services.taking_back import take_back

__all__ = [
    "AccountRef",
    "Balance",
    "Cause",
    "CauseConflict",
    "DebtOpen",
    "Entry",
    "GrantEnded",
    "GrantNotFound",
    "Hold",
    "HoldNotFound",
    "HoldState",
    "InsufficientFunds",
    "InvalidAmount",
    "Movement",
    "Purse",
    "Reservation",
    "TakenBack",
    "Transfer",
    "balance",
    "balances",
    "check_nothing_owed",
    "declare_movement",
    "declare_reservation",
    "entries",
    "expire_lots",
    "grant",
    "hold",
    "movement_breaches",
    "post",
    "reservation_breaches",
    "spend",
    "statement",
    "system_account",
    "take_back",
    "user_account",
    "user_owner",
    "void",
]
