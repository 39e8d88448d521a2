"""Small facts about the database that several modules need."""

from django.db import IntegrityError, connection, transaction


def require_transaction(verb: str) -> None:
    """Raise RuntimeError unless the caller is inside transaction.atomic()."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"{verb} must run inside the transaction that makes it true")


def is_unique_violation(error: IntegrityError, constraint: str, columns: tuple[str, ...]) -> bool:
    """Whether this error is the named unique constraint; SQLite names columns ("table.column"), not constraints."""
    text = str(error)
    if connection.vendor == "sqlite":
        return all(f".{column}" in text for column in columns)
    return constraint in text
