"""The operators' trail: every act on money, odds, stock or rights has a name, a reason and a time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps.kernel.db import require_transaction
from apps.kernel.models import AuditEntry

SYSTEM = "system"


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
    AuditEntry.objects.create(
        actor=actor,
        action=action,
        target_type=target[0],
        target_id=target[1],
        reason=reason[:300],
        before=before,
        after=after,
        created_at=now,
    )
