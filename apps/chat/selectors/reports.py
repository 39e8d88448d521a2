"""Reads of reports: a member's own, and what an operator may see of one."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from apps.chat import errors
from apps.chat.contracts import ShownReport
from apps.chat.models import FOR_PROGRAMS, Generation, Report, Reveal
from apps.chat.rules.reports import REASONS, REVEALED_FOR, STATES, ReportDetail, ReportReason, ReportState
from apps.kernel.ids import UserId
from apps.kernel.paging import Page, page_of


def reports_of(*, user_id: UserId, cursor: str | None, size: int) -> Page[ReportDetail]:
    """A page of a member's reports, newest first. Raises CursorNotValid."""
    return page_of(_with_place().filter(user_id=user_id), cursor, size).map(report_detail)


def report_on(*, user_id: UserId, generation_id: UUID) -> Report | None:
    """The member's report on an answer, if there is one."""
    return _with_place().filter(user_id=user_id, generation_id=generation_id).first()


def report(report_id: UUID) -> Report:
    """Any report, for operators. Raises ReportNotFound."""
    row = _with_place().filter(pk=report_id).first()
    if row is None:
        raise errors.ReportNotFound(report_id=str(report_id))
    return row


def is_revealed(*, report_id: UUID, by: str, now: datetime) -> bool:
    """Whether this operator has given a reason lately."""
    return Reveal.objects.filter(report_id=report_id, by=by, created_at__gt=now - REVEALED_FOR).exists()


def report_detail(row: Report) -> ReportDetail:
    """A report as its member sees it; its generation and message must be loaded."""
    message = row.generation.message
    return ReportDetail(
        id=row.id,
        generation_id=row.generation_id,
        conversation_id=message.conversation_id if message is not None else None,
        message_id=row.generation.message_id,
        reason=ReportReason(row.reason),
        note=row.note,
        state=ReportState(row.state),
        due_at=row.due_at,
        result=row.result,
        decided_at=row.decided_at,
        created_at=row.created_at,
    )


def reported(generation: Generation) -> ShownReport | None:
    """What became of the report on an answer, if there is one; it must be loaded."""
    row: Report | None = getattr(generation, "report", None)
    if row is None:
        return None
    return ShownReport(
        reason_title=REASONS[ReportReason(row.reason)],
        state_title=STATES[ReportState(row.state)],
        is_open=row.state == ReportState.OPEN.value,
        due_at=row.due_at,
        result=row.result,
    )


def _with_place() -> QuerySet[Report]:
    texts = (
        *(f"generation__{name}" for name in FOR_PROGRAMS),
        "generation__text",
        "generation__reasoning",
        "generation__message__text",
    )
    return Report.objects.select_related("generation__message").defer(*texts)
