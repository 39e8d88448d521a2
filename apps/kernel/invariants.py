"""What must never be false, as queries: `manage.py audit` runs all of them (class A of the invariant list)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from apps.kernel.append_only import triggers_of
from apps.kernel.models import DeliveryState, OutboxDelivery

# PostgreSQL's triggers can be switched off without being dropped.
_TRIGGERS = {
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
}


@dataclass(frozen=True)
class Breach:
    """One row that breaks an invariant; `detail` holds numbers and ids, nothing personal."""

    subject: str
    detail: str


Check = Callable[[datetime], Iterable[Breach]]


@dataclass(frozen=True)
class Invariant:
    """A named check."""

    number: str
    title: str
    check: Check


_registry: list[Invariant] = []


def invariant(number: str, title: str) -> Callable[[Check], Check]:
    """Register a check under its number in the invariant list, for example "I-03"."""

    def register(check: Check) -> Check:
        _registry.append(Invariant(number, title, check))
        return check

    return register


def all_invariants() -> tuple[Invariant, ...]:
    """Every registered check in the order of the numbers."""
    return tuple(sorted(_registry, key=lambda item: item.number))


def missing_triggers(names: Iterable[str]) -> Iterable[Breach]:
    """Those of the named triggers that are not there, or switched off.

    SQLite changes a table by copying it, which drops its triggers without a word: a later migration must make
    them again.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TRIGGERS[connection.vendor])
        found = {name for (name,) in cursor.fetchall()}
    for name in sorted(set(names) - found):
        yield Breach(f"trigger {name}", "missing or disabled")


@invariant("I-02", "the triggers that keep the audit trail and the published facts are in place")
def facts_are_guarded(now: datetime) -> Iterable[Breach]:
    """Triggers of the kernel's own tables."""
    return missing_triggers(triggers_of("kernel_auditentry", "kernel_outboxevent"))


@invariant("I-46", "no outbox delivery is dead or overdue")
def outbox_is_moving(now: datetime) -> Iterable[Breach]:
    """Dead deliveries, and pending ones due for more than two minutes although nobody holds them."""
    late = OutboxDelivery.objects.filter(state=DeliveryState.PENDING, available_at__lt=now - timedelta(minutes=2))
    for row in OutboxDelivery.objects.filter(state=DeliveryState.DEAD).order_by("pk")[:100]:
        yield Breach(f"outbox delivery {row.pk}", f"dead after {row.attempts} attempts: {row.last_error}")
    for row in late.order_by("pk")[:100]:
        yield Breach(f"outbox delivery {row.pk}", f"due since {row.available_at.isoformat()}")
