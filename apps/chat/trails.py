"""Reports against the operators' trail: who looked at an answer, and who decided, said so there."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, Exists, F, OuterRef, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from apps.chat.models import Report, Reveal
from apps.chat.rules.reports import ReportState
from apps.kernel.db import IdText
from apps.kernel.invariants import SHOWN, Breach, came_since, invariant
from apps.kernel.models import AuditEntry


@invariant("I-66-reveals", "whoever looked at a reported answer said why", windowed=True)
def looks_are_on_the_trail(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Looks that have no entry of their operator, or more of them than there are entries."""
    said = AuditEntry.objects.filter(
        action="chat.reveal_report", target_type="report", target_id=IdText(OuterRef("report_id")), actor=OuterRef("by")
    )
    looked = Reveal.objects.filter(report_id=OuterRef("report_id"), by=OuterRef("by"))
    rows = came_since(Reveal.objects.all(), since).annotate(said=_number(said, "actor"), looked=_number(looked, "by"))
    for row in rows.order_by("pk")[:SHOWN]:
        if row.looked > row.said:
            yield Breach(f"look {row.pk}", f"{row.looked} by {row.by}, {row.said} on the trail")


@invariant("I-66-decisions", "every report that is decided was decided so on the trail, once")
def decisions_are_on_the_trail(now: datetime) -> Iterable[Breach]:
    """Reports that are decided without an entry of their state and operator, and open ones that have an entry."""
    decided = AuditEntry.objects.filter(
        action="chat.decide_report", target_type="report", target_id=IdText(OuterRef("pk"))
    )
    as_said = decided.annotate(said=KT("after__state")).filter(
        actor=OuterRef("decided_by"), said=OuterRef("state"), created_at=OuterRef("decided_at")
    )
    closed = Report.objects.exclude(state=ReportState.OPEN.value)
    for row in closed.exclude(Exists(as_said)).order_by("pk")[:SHOWN]:
        yield Breach(f"report {row.pk}", f"is {row.state}, and nobody decided so")
    for row in Report.objects.filter(Exists(decided), state=ReportState.OPEN.value).order_by("pk")[:SHOWN]:
        yield Breach(f"report {row.pk}", "was decided and is open")


@invariant("I-66-reports", "a report is about an answer of its own member", windowed=True)
def reports_are_of_their_member(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Reports on somebody else's answer."""
    strange = came_since(Report.objects.exclude(generation__user_id=F("user_id")), since)
    for pk in strange.order_by("pk").values_list("pk", flat=True)[:SHOWN]:
        yield Breach(f"report {pk}", "on somebody else's answer")


def _number(rows: object, by: str) -> Coalesce:
    counted = rows.order_by().values(by).annotate(n=Count("pk")).values("n")  # type: ignore[attr-defined]
    return Coalesce(Subquery(counted), 0)
