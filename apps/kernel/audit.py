"""The operators' trail: every act on money, odds, stock or rights has a name, a reason and a time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.kernel import audit_chain, characters
from apps.kernel.db import require_transaction
from apps.kernel.errors import ReasonMissing
from apps.kernel.models import AuditEntry

SYSTEM = "system"


def require_reason(reason: str) -> None:
    """Raise ReasonMissing unless somebody says why, so that it can be seen."""
    if not characters.show_something(reason):
        raise ReasonMissing


def record(
    *,
    actor: str,
    action: str,
    target: tuple[str, str],
    reason: str,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write one entry in the transaction that makes the change.

    `actor` is "staff:<id>" or SYSTEM, `target` is (type, id); `before` and `after` hold JSON values
    and never a secret, a prompt or an openid.
    """
    require_transaction("audit.record()")
    entry = AuditEntry(
        actor=actor,
        action=action,
        target_type=target[0],
        target_id=target[1],
        reason=reason[:300],
        before=before,
        after=after,
        created_at=now,
    )
    entry.mac = audit_chain.mac_of(entry)
    entry.save(force_insert=True)
    # What fails here was done and is on the trail all the same; the sweep puts it on the chain.
    transaction.on_commit(lambda: audit_chain.extend(first=entry.pk, now=now), robust=True)


def reasons_of(*, action: str, target: tuple[str, str]) -> set[str]:
    """Every reason with which this was done to it."""
    entries = AuditEntry.objects.filter(action=action, target_type=target[0], target_id=target[1])
    return set(entries.values_list("reason", flat=True))
