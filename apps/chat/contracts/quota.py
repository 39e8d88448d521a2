"""What a member has left to ask with, and how it moved. Amounts are milli-credits."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

QUOTA = "quota"


@dataclass(frozen=True, kw_only=True)
class QuotaState:
    """What a user can spend on chat."""

    balance_milli: int
    held_milli: int
    free_left: int
    free_per_day: int
    entitlements: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class QuotaEntry:
    """One movement of quota."""

    id: UUID
    amount_milli: int
    kind: str
    cause_type: str
    cause_id: str
    balance_after_milli: int
    created_at: datetime
