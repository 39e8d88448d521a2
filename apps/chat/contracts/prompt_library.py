"""What members are told of prompts: their own, and those that operators offer to begin with."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class OwnPromptDetail:
    """A prompt that a member keeps. `version` is sent back with a change, so that no other one is lost by it."""

    id: UUID
    title: str
    text: str
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class StarterDetail:
    """A prompt that operators offer; those of a category, which may be "", are shown together."""

    code: str
    title: str
    text: str
    category: str
