"""What members say about an answer, until when somebody looks at it, and what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from apps.chat import errors
from apps.kernel.characters import show_something
from apps.kernel.errors import _

MAX_NOTE = 300
MAX_RESULT = 300
LISTED_REPORTS = 50
# How long an operator who gave a reason sees the text.
REVEALED_FOR = timedelta(minutes=15)


class ReportReason(StrEnum):
    """Why an answer is reported; the first ones are feedback, the others complaints."""

    WRONG = "wrong"
    UNHELPFUL = "unhelpful"
    BROKEN = "broken"
    ILLEGAL = "illegal"
    HARMFUL = "harmful"
    PRIVATE = "private"
    RIGHTS = "rights"
    OTHER = "other"


class ReportState(StrEnum):
    """Where a report stands. All but OPEN are final."""

    OPEN = "open"
    UPHELD = "upheld"
    DISMISSED = "dismissed"


REASONS: Mapping[ReportReason, str] = {
    ReportReason.WRONG: _("Wrong or made up"),
    ReportReason.UNHELPFUL: _("Does not answer the question"),
    ReportReason.BROKEN: _("Broken, cut off or unreadable"),
    ReportReason.ILLEGAL: _("Illegal"),
    ReportReason.HARMFUL: _("Harmful or dangerous"),
    ReportReason.PRIVATE: _("Shows somebody's private data"),
    ReportReason.RIGHTS: _("Infringes somebody's rights"),
    ReportReason.OTHER: _("Something else"),
}
STATES: Mapping[ReportState, str] = {
    ReportState.OPEN: _("Waiting"),
    ReportState.UPHELD: _("Upheld"),
    ReportState.DISMISSED: _("Not upheld"),
}
# Whoever may be hurt is not kept waiting; the law asks for an answer in time, and leaves the time to the site.
_COMPLAINTS = {ReportReason.ILLEGAL, ReportReason.HARMFUL, ReportReason.PRIVATE, ReportReason.RIGHTS}
_TO_A_COMPLAINT, _TO_FEEDBACK = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class ReportDetail:
    """A report as its member sees it; `result` and `decided_at` come with the decision."""

    id: UUID
    generation_id: UUID
    conversation_id: UUID | None
    message_id: UUID | None
    reason: ReportReason
    note: str = field(repr=False)
    state: ReportState
    due_at: datetime
    result: str
    decided_at: datetime | None
    created_at: datetime


def due_at(reason: ReportReason, *, now: datetime) -> datetime:
    """Until when a report is answered."""
    return now + (_TO_A_COMPLAINT if reason in _COMPLAINTS else _TO_FEEDBACK)


def check_result(state: ReportState, result: str) -> None:
    """Raise ReportNotDecided for a decision that decides nothing, or tells the member nothing."""
    if state is ReportState.OPEN or not show_something(result) or len(result) > MAX_RESULT:
        raise errors.ReportNotDecided(limit=MAX_RESULT)
