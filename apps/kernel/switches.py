"""Switches that an operator flips; every process sees the change within two seconds."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from apps.kernel import configuration
from apps.kernel.fresh import FreshTexts
from apps.kernel.models import Switch

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_declared: dict[str, StrOrPromise] = {}
_switched_off = FreshTexts("switched off", lambda: Switch.objects.filter(is_on=False), key="name")


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
    return name not in _switched_off.get()


def ensure_rows(*, now: datetime) -> None:
    """Give every declared switch a row, so that operators can see and flip it."""
    rows = [Switch(name=name, is_on=True, updated_at=now) for name in _declared]
    Switch.objects.bulk_create(rows, ignore_conflicts=True)


def flip(*, name: str, is_on: bool, actor: str, reason: str, now: datetime) -> None:
    """Set a switch. Other processes follow within two seconds. Raises ReasonMissing."""
    if name not in _declared:
        raise LookupError(f"switch {name} was never declared")
    configuration.save(Switch, key={"name": name}, values={"is_on": is_on}, actor=actor, reason=reason, now=now)
    _switched_off.forget()
