"""A sealing key that is lost: what it has sealed is given up, or the site would not start without it (kernel.E004)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from django.db import transaction
from django.db.models import QuerySet

from apps.kernel import audit, audit_chain, sealing
from apps.kernel.errors import SealingKeyNamed


class Loss(Protocol):
    """What an app does about rows whose sealed value nobody opens any more."""

    def __call__(self, *, rows: QuerySet[Any], actor: str, reason: str, now: datetime) -> None:
        """In the transaction that then empties the value of those rows that are left."""


_losses: dict[str, Loss] = {}


def on_loss(purpose: str, act: Loss) -> None:
    """Let an app do more than empty the values of a purpose that are given up; called in its AppConfig.ready()."""
    _losses[purpose] = act


def forget(*, key_id: str, actor: str, reason: str, now: datetime) -> Mapping[str, int]:
    """Give up every value that the key of this id has sealed; how many, by column.

    Raises SealingKeyNamed for a key of the settings, ReasonMissing.
    """
    audit.require_reason(reason)
    if sealing.is_named(key_id):
        raise SealingKeyNamed
    given_up = {}
    with transaction.atomic():
        for field in sealing.sealed_columns():
            rows = sealing.sealed_by(field, key_id)
            given_up[str(field)] = rows.count()
            if act := _losses.get(field.purpose):
                act(rows=rows, actor=actor, reason=reason, now=now)
            rows.update(**{field.attname: ""})
        given_up |= audit_chain.forget(key_id=key_id, now=now)
        audit.record(
            actor=actor,
            action="kernel.forget_sealing_key",
            target=("sealing_key", key_id),
            reason=reason,
            after=given_up,
            now=now,
        )
    return given_up
