"""Facts in the past tense that apps tell each other; carried by the outbox."""

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self, get_type_hints
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events. Fields are UUID, str, int, bool, datetime or None; changes are additive only."""

    topic: ClassVar[str]
    occurred_at: datetime

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {field.name: _to_json(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_json(cls, payload: dict[str, Any]) -> Self:
        """The event back from its JSON; fields that a newer writer added are ignored."""
        hints = get_type_hints(cls)
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: _from_json(value, hints[name]) for name, value in payload.items() if name in known})


def _to_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _from_json(value: object, hint: object) -> Any:
    if not isinstance(value, str):
        return value
    options = getattr(hint, "__args__", (hint,))
    # NewType ids such as UserId are UUIDs underneath.
    bases = {getattr(option, "__supertype__", option) for option in options}
    if UUID in bases:
        return UUID(value)
    return datetime.fromisoformat(value) if datetime in bases else value
