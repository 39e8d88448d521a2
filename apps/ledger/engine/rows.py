"""Raw statements in the dialect of both engines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from apps.kernel.db import prepared_cursor


def one(statement: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
    """The one row that a statement returns, None when there was nothing to change."""
    with prepared_cursor() as cursor:
        cursor.execute(statement, values)
        rows = cursor.fetchall()
    return rows[0] if rows else None


def affected(row: tuple[Any, ...] | None) -> tuple[Any, ...]:
    """A row that must be there."""
    if row is None:
        raise RuntimeError("a ledger account that must exist does not")
    return row


def key(value: UUID) -> UUID | str:
    """A key as the engine's driver takes it."""
    return value if connection.features.has_native_uuid_field else value.hex


def moment(value: datetime | None) -> Any:
    """A moment as the engine's driver takes it."""
    return None if value is None else connection.ops.adapt_datetimefield_value(value)
