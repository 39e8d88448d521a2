"""Facts that accounts publishes."""

from dataclasses import dataclass
from typing import ClassVar

from apps.kernel.events import Event
from apps.kernel.ids import UserId


@dataclass(frozen=True, kw_only=True)
class UserRegistered(Event):
    """Somebody became a member. `invite_code` is what brought them, unchecked; empty if nothing did."""

    topic: ClassVar[str] = "accounts.user_registered"
    user_id: UserId
    invite_code: str
