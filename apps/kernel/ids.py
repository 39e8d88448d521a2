"""Identifiers: UUIDv7, so that ids are unguessable enough to show and still sort by time."""

from typing import NewType
from uuid import UUID

import uuid_utils.compat

UserId = NewType("UserId", UUID)


def new_id() -> UUID:
    """A new time-ordered id (RFC 9562, version 7)."""
    return uuid_utils.compat.uuid7()
