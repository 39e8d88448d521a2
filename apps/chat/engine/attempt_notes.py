"""What the engine tells of an attempt, and what a failure is about."""

from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from apps.chat.contracts import Target
from apps.chat.registries import AttemptPhase


class Blame(Enum):
    """What a failure is about, and so what may be tried instead."""

    CHANNEL = "channel"
    # Refused, or its account is empty: so it will be for every question.
    KEY = "key"
    # This key at this moment, for this model: another key may do.
    CALL = "call"
    # The model is not there.
    MODEL = "model"
    # The same question would be refused elsewhere, or must not be taken elsewhere.
    QUESTION = "question"


@dataclass(frozen=True, kw_only=True)
class AttemptNote:
    """One attempt that is over. `code` is empty when the answer came whole; `blame` is None when nobody failed."""

    generation_id: UUID
    number: int
    target: Target
    phase: AttemptPhase
    code: str
    blame: Blame | None
    first_word_ms: int | None
    total_ms: int
    # After how long this target wants to be asked again; 0 where it did not say so.
    retry_seconds: float = 0.0
