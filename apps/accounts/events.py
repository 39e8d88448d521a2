"""Facts that accounts publishes."""

from dataclasses import dataclass
from typing import ClassVar

from apps.kernel.events import Event
from apps.kernel.ids import UserId


@dataclass(frozen=True, kw_only=True)
class UserRegistered(Event):
    """Somebody became a member. `invite_code` is what brought them, unchecked; empty if nothing did.

    `is_returning`: the person had an account here before, so nothing that greets newcomers is theirs.
    """

    topic: ClassVar[str] = "accounts.user_registered"
    user_id: UserId
    invite_code: str
    is_returning: bool = False
