"""Facts about draws."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from apps.kernel.events import Event


@dataclass(frozen=True, kw_only=True)
class PrizeWon(Event):
    """A draw won something that must be delivered."""

    topic: ClassVar[str] = "marketing.prize_won"
    draw_id: UUID
    delivery_id: UUID
    user_id: UUID
