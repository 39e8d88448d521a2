"""Configuration that operators and the set-up save: found by its key, changed with a reason, on the audit trail."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction

from apps.kernel import audit
from apps.kernel.models import Row
from apps.marketing import errors

R = TypeVar("R", bound=Row)


def require_reason(reason: str) -> None:
    """Raise ReasonMissing unless an operator says why."""
    if not reason.strip():
        raise errors.ReasonMissing


def save(
    model: type[R],
    *,
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    actor: str,
    reason: str,
    now: datetime,
    check: Callable[[R], None] | None = None,
) -> R:
    """Create the row with this key, or bring it to these values; a change of nothing leaves no trace.

    A row that counts its versions gets the next one when it changes. `check` may refuse a change; it is given the
    row as it is, locked until the change is there. Raises ReasonMissing, and what `check` raises.
    """
    require_reason(reason)
    with transaction.atomic():
        rows = model._default_manager.select_for_update(of=("self",), no_key=True)
        row = rows.filter(**key).first()
        before = None if row is None else {name: getattr(row, name) for name in values}
        if row is None:
            row = model._default_manager.create(**key, **values, created_at=now)
        elif before == dict(values):
            return row
        else:
            if check is not None:
                check(row)
            _change(row, values)
        audit.record(
            actor=actor,
            action=f"marketing.save_{model._meta.model_name}",
            target=(str(model._meta.model_name), str(row.pk)),
            reason=reason,
            before=None if before is None else _json(before),
            after=_json(values),
            now=now,
        )
    return row


def _change(row: Row, values: Mapping[str, Any]) -> None:
    changed = list(values)
    for name, value in values.items():
        setattr(row, name, value)
    if hasattr(row, "version"):
        row.version += 1
        changed.append("version")
    row.save(update_fields=changed)


def _json(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if value is None or isinstance(value, bool | int | str) else str(value)
        for name, value in values.items()
    }
