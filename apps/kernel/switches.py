"""Switches that an operator flips; every process sees the change within two seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from apps.kernel import audit
from apps.kernel.models import Switch

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_MAX_AGE_SECONDS = 1.0

_declared: dict[str, StrOrPromise] = {}


@dataclass
class _Cache:
    """What this process last read; `read_at` is monotonic seconds."""

    read_at: float = float("-inf")
    switched_off: frozenset[str] = frozenset()


_cache = _Cache()


def declare(name: str, purpose: StrOrPromise) -> None:
    """Make a switch known (call from AppConfig.ready()); `purpose` tells operators what turning it off stops."""
    _declared[name] = purpose


def declared() -> dict[str, StrOrPromise]:
    """Every known switch with its purpose."""
    return dict(_declared)


def is_on(name: str) -> bool:
    """Whether a declared switch is on, at most a second old. One query a second per process, none in between."""
    if name not in _declared:
        raise LookupError(f"switch {name} was never declared")
    return name not in _switched_off()


def ensure_rows(*, now: datetime) -> None:
    """Give every declared switch a row, so that operators can see and flip it."""
    rows = [Switch(name=name, is_on=True, updated_at=now) for name in _declared]
    Switch.objects.bulk_create(rows, ignore_conflicts=True)


def flip(*, name: str, is_on: bool, actor: str, reason: str, now: datetime) -> None:
    """Set a switch and record who did it and why. Other processes follow within two seconds."""
    if name not in _declared:
        raise LookupError(f"switch {name} was never declared")
    with transaction.atomic():
        Switch.objects.update_or_create(name=name, defaults={"is_on": is_on, "updated_at": now})
        audit.record(
            actor=actor,
            action="kernel.flip_switch",
            target=("switch", name),
            reason=reason,
            after={"is_on": is_on},
            now=now,
        )
    _cache.read_at = float("-inf")


def _switched_off() -> frozenset[str]:
    if time.monotonic() - _cache.read_at > _MAX_AGE_SECONDS:
        _cache.switched_off = frozenset(Switch.objects.filter(is_on=False).values_list("name", flat=True))
        _cache.read_at = time.monotonic()
    return _cache.switched_off
