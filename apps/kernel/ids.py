"""Identifiers: UUIDv7, so that ids are unguessable enough to show and still sort by time."""

from datetime import datetime
from typing import NewType
from uuid import UUID

import uuid_utils.compat

UserId = NewType("UserId", UUID)
# A human being, over all accounts that they ever had here.
PersonId = NewType("PersonId", UUID)


def new_id() -> UUID:
    """A new time-ordered id (RFC 9562, version 7)."""
    return uuid_utils.compat.uuid7()


def first_id_at(moment: datetime) -> UUID:
    """No id that was made at this moment or later is smaller."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
