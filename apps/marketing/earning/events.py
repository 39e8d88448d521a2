"""Facts about what members do here."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from apps.kernel.events import Event


@dataclass(frozen=True, kw_only=True)
class SignedIn(Event):
    """A member signed in for a local day (ISO date)."""

    topic: ClassVar[str] = "marketing.signed_in"
    sign_in_id: UUID
    user_id: UUID
    local_day: str
