"""What must never be false about the kernel's own rows, and about the time in everybody's."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.db.models import Count, DateField, DateTimeField, Exists, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from apps.kernel import approvals, outbox
from apps.kernel.append_only import triggers_of
from apps.kernel.db import IdText
from apps.kernel.ids import first_id_at
from apps.kernel.invariants import SHOWN, Breach, invariant
from apps.kernel.models import AuditEntry, DeliveryState, OutboxDelivery, OutboxEvent, Proposal, ProposalState, Row
from apps.kernel.registries import CodeField
from apps.kernel.schema import missing_triggers

# How far the clocks of our own hosts may be apart.
_TOLERANCE = timedelta(minutes=2)
# A calendar day somewhere on Earth begins this long before it does in UTC.
_EARLIEST_ZONE = timedelta(hours=14)
# The hourly task closes what expired.
_EXPIRY_GRACE = timedelta(hours=3)

# What the trail says of a decided proposal: approved, rejected, how often; of any other, nothing.
_DECIDED = {ProposalState.CARRIED_OUT: (True, False, 1), ProposalState.REJECTED: (False, True, 1)}

# Columns that lie ahead by nature, and how far at most. Everything else that is called …_at has happened.
_AHEAD: dict[str, timedelta | None] = {
    "available_at": outbox.LONGEST_WAIT,
    "locked_until": timedelta(minutes=5),
    "lease_until": timedelta(minutes=5),
    "prepay_until": timedelta(minutes=5),
    "next_check_at": timedelta(minutes=30),
    "deadline_at": timedelta(hours=1),
    # The longest pause of a channel that is left alone.
    "retry_at": timedelta(minutes=10),
    # How long a key of a channel sleeps.
    "sleeps_until": timedelta(hours=1),
    # The longest time that a member is told to wait for an answer of ours.
    "due_at": timedelta(days=7),
    # As far as a person, or a provider, wants it.
    "expires_at": None,
    "starts_at": None,
    "ends_at": None,
    "next_end_at": None,
}


@invariant("I-02", "the triggers that keep the audit trail and the published facts are in place")
def facts_are_guarded(now: datetime) -> Iterable[Breach]:
    """Triggers of the kernel's own tables."""
    return missing_triggers(triggers_of("kernel_auditentry", "kernel_auditlink", "kernel_outboxevent"))


@invariant("I-63", "what two people decided is on the trail, was in time, and says what was proposed")
def proposals_were_decided(now: datetime) -> Iterable[Breach]:
    """Proposals of nobody, of one person alone or too late, and such as the trail tells otherwise."""
    for row in _proposals_as_told().order_by("pk").iterator(chunk_size=SHOWN):
        is_done = row.state == ProposalState.CARRIED_OUT
        if approvals.hash_of(row.content) != row.content_hash:
            yield Breach(f"proposal {row.pk}", "its content is not what was proposed")
        elif row.proposed != {"action": row.action, "content": row.content}:
            yield Breach(f"proposal {row.pk}", "who proposed this, says no entry of the trail")
        if is_done and (row.decided_by == row.proposed_by or (row.decided_at or now) > row.expires_at):
            yield Breach(f"proposal {row.pk}", "was decided late, or by who proposed it")
        if (row.approved, row.rejected, row.decisions) != _DECIDED.get(row.state, (False, False, 0)):
            yield Breach(f"proposal {row.pk}", f"is {row.state}, and its decision on the trail is another")
        if row.state == ProposalState.OPEN and row.expires_at < now - _EXPIRY_GRACE:
            yield Breach(f"proposal {row.pk}", "is open although it has expired")
        if row.state == ProposalState.EXPIRED and (row.decided_at or now) < row.expires_at:
            yield Breach(f"proposal {row.pk}", "expired before its time")


def _proposals_as_told() -> QuerySet[Any]:
    """Each proposal with what the trail says of it, in one statement: an operator may be at work.

    `proposed` is what its proposer proposed then; `approved` and `rejected`, whether who decided it did then; and
    `decisions`, how many there are at all.
    """
    about = AuditEntry.objects.filter(target_type="proposal", target_id=IdText(OuterRef("pk"))).order_by()
    proposed = about.filter(
        action="kernel.propose",
        actor=OuterRef("proposed_by"),
        reason=OuterRef("reason"),
        created_at=OuterRef("created_at"),
    )
    decided = about.filter(actor=OuterRef("decided_by"), created_at=OuterRef("decided_at"))
    decisions = about.filter(action__in=("kernel.approve", "kernel.reject")).values("target_id")
    return Proposal.objects.annotate(
        proposed=Subquery(proposed.values("after")[:1]),
        approved=Exists(decided.filter(action="kernel.approve")),
        rejected=Exists(decided.filter(action="kernel.reject")),
        decisions=Coalesce(Subquery(decisions.annotate(times=Count("pk")).values("times")), 0),
    )


@invariant("I-46", "no outbox delivery is dead, overdue, or put off further than any back-off")
def outbox_is_moving(now: datetime) -> Iterable[Breach]:
    """Dead deliveries, and pending ones that should have been worked for two minutes although nobody holds them."""
    for row in OutboxDelivery.objects.filter(state=DeliveryState.DEAD).order_by("pk")[:SHOWN]:
        yield Breach(f"outbox delivery {row.pk}", f"dead after {row.attempts} attempts: {row.last_error}")
    pending = OutboxDelivery.objects.filter(state=DeliveryState.PENDING)
    late = Q(available_at__lt=now - timedelta(minutes=2))
    parked = Q(available_at__gt=now + outbox.LONGEST_WAIT)
    for row in pending.filter(late | parked).order_by("pk")[:SHOWN]:
        yield Breach(f"outbox delivery {row.pk}", f"due since {row.available_at.isoformat()}")


@invariant("I-46-lost", "every published fact has a delivery for each of its handlers", windowed=True)
def facts_have_deliveries(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Events without the delivery of a handler that was at work before them."""
    for topic, handler in outbox.subscriptions():
        mine = OutboxDelivery.objects.filter(handler=handler)
        first = mine.order_by("pk").values_list("event__created_at", flat=True).first()
        if first is None:
            continue
        events = OutboxEvent.objects.filter(topic=topic, created_at__gte=first)
        if since is not None:
            events = events.filter(pk__gte=first_id_at(since))
        for pk in events.exclude(Exists(mine.filter(event=OuterRef("pk")))).order_by("pk").values_list("pk")[:SHOWN]:
            yield Breach(f"event {pk[0]}", f"{topic} has no delivery to {handler}")


@invariant("I-02-codes", "every kind that a row names is registered", windowed=True)
def codes_are_registered(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Rows of a kind, behaviour or channel that no class stands for: nobody can check, show or deliver them."""
    for model in apps.get_models():
        for field in model._meta.local_concrete_fields:
            if not isinstance(field, CodeField) or field.registry is None:
                continue
            rows = model._default_manager.exclude(**{f"{field.name}__in": [entry.code for entry in field.registry]})
            if since is not None and issubclass(model, Row):
                rows = rows.filter(pk__gte=first_id_at(since))
            for pk, code in rows.order_by("pk").values_list("pk", field.name)[:SHOWN]:
                yield Breach(f"{model._meta.db_table} {pk}", f"{field.name} {code!r} is not registered")


@invariant("I-52", "nothing has happened in the future", windowed=True)
def nothing_is_dated_ahead(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Rows of any table whose past lies ahead of the clock, or whose next step lies further ahead than one can."""
    for model in apps.get_models():
        if not model.__module__.startswith("apps.") or model._meta.app_label == "sandbox" or not model._meta.managed:
            continue
        ahead = _ahead(model, now)
        if not ahead:
            continue
        rows = model._default_manager.filter(ahead)
        if since is not None and issubclass(model, Row):
            rows = rows.filter(pk__gte=first_id_at(since))
        for pk in rows.order_by("pk").values_list("pk", flat=True)[:SHOWN]:
            yield Breach(f"{model._meta.db_table} {pk}", "is dated ahead of the clock")


def _ahead(model: type[Model], now: datetime) -> Q:
    condition = Q()
    for field in model._meta.local_concrete_fields:
        limit = _limit_of(field, now)
        if limit is not None:
            condition |= Q(**{f"{field.attname}__gt": limit})
    return condition


def _limit_of(field: Any, now: datetime) -> Any:
    """What a time of this column can be at most; None if it is free or no time."""
    if isinstance(field, DateTimeField):
        if field.name in _AHEAD:
            bound = _AHEAD[field.name]
            return None if bound is None else now + bound + _TOLERANCE
        return now + _TOLERANCE if field.name.endswith("_at") else None
    if isinstance(field, DateField):
        return (now + _EARLIEST_ZONE).date()
    return None
