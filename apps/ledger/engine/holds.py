"""The two statements that resolve a hold, each at most once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.ledger.contracts import Cause, HoldState
from apps.ledger.engine.rows import key, moment, one

# The asset names the system account that is paid: it has to be there before the user's account is locked.
_POST = """
UPDATE ledger_hold SET state = %s, posted_amount = %s, resolved_at = %s
WHERE id = %s AND state = %s AND amount >= %s
RETURNING account_id, amount, kind, cause_type, cause_id,
    (SELECT asset FROM ledger_account WHERE ledger_account.id = account_id)
"""
_RELEASE = """
UPDATE ledger_hold SET state = CASE WHEN deadline_at <= %s THEN %s ELSE %s END, resolved_at = %s
WHERE id = %s AND state = %s
RETURNING account_id, amount, kind, cause_type, cause_id,
    (SELECT asset FROM ledger_account WHERE ledger_account.id = account_id)
"""


@dataclass(frozen=True)
class Resolved:
    """What a hold that was just resolved said."""

    account_id: UUID
    amount: int
    kind: str
    cause: Cause
    asset: str


def mark_posted(hold_id: UUID, *, amount: int, now: datetime) -> Resolved | None:
    """Resolve a pending hold as posted; None when it is not pending or too small."""
    values = [HoldState.POSTED.value, amount, moment(now), key(hold_id), HoldState.PENDING.value, amount]
    return _resolved(one(_POST, values))


def mark_released(hold_id: UUID, *, now: datetime) -> Resolved | None:
    """Resolve a pending hold as voided, or as expired once its deadline has passed; None when it is not pending."""
    states = [HoldState.EXPIRED.value, HoldState.VOIDED.value]
    return _resolved(one(_RELEASE, [moment(now), *states, moment(now), key(hold_id), HoldState.PENDING.value]))


def _resolved(row: tuple[Any, ...] | None) -> Resolved | None:
    if row is None:
        return None
    account_id, amount, kind, cause_type, cause_id, asset = row
    return Resolved(UUID(str(account_id)), amount, kind, Cause(cause_type, cause_id), asset)
