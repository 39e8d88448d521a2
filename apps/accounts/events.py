"""Facts that accounts publishes."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

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


@dataclass(frozen=True, kw_only=True)
class ApiKeyRevoked(Event):
    """A key was ended, by its owner or by an operator; what was begun with it should end, too."""

    topic: ClassVar[str] = "accounts.api_key_revoked"
    user_id: UserId
    key_id: UUID
