"""Reports on answers: made by their member, looked at and decided by operators, who say why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.accounts import services as accounts
from apps.chat import errors, rules, selectors
from apps.chat.contracts import ToolCall
from apps.chat.models import Generation, Report, Reveal
from apps.chat.rules.reports import ReportDetail, ReportReason, ReportState, check_result, due_at
from apps.kernel import audit
from apps.kernel.db import insert_once
from apps.kernel.ids import UserId


@dataclass(frozen=True, kw_only=True)
class RevealedAnswer:
    """What was asked and what was answered; empty where its member has erased it."""

    question: str = field(repr=False)
    text: str = field(repr=False)
    reasoning: str = field(repr=False)


def report_answer(
    *, user_id: UserId, generation_id: UUID, reason: ReportReason, note: str, now: datetime
) -> ReportDetail:
    """Report an answer of one's own, once; the same again answers the first.

    Raises GenerationNotFound, AnswerNotFinished, AlreadyReported, and of accounts MemberClosed, MemberNotFound.
    """
    with transaction.atomic():
        accounts.hold_open(user_id=user_id)
        generation = selectors.generation_of(user_id=user_id, generation_id=generation_id)
        if not selectors.generation_detail(generation).is_settled:
            raise errors.AnswerNotFinished
        row = Report(
            user_id=user_id,
            generation=generation,
            reason=reason.value,
            note=note,
            due_at=due_at(reason, now=now),
            created_at=now,
        )
        if insert_once(row, unless_same=("generation_id",)):
            return selectors.report_detail(row)
    first = selectors.report_on(user_id=user_id, generation_id=generation_id)
    if first is None or (first.reason, first.note) != (reason.value, note):
        raise errors.AlreadyReported
    return selectors.report_detail(first)


def reveal_report(*, report_id: UUID, actor: str, reason: str, now: datetime) -> None:
    """Let an operator read a reported answer and its question for a while. Raises ReportNotFound, ReasonMissing."""
    audit.require_reason(reason)
    with transaction.atomic():
        row = selectors.report(report_id)
        Reveal.objects.create(report=row, by=actor, created_at=now)
        audit.record(actor=actor, action="chat.reveal_report", target=("report", str(row.pk)), reason=reason, now=now)


def revealed_answer(*, report_id: UUID, actor: str, now: datetime) -> RevealedAnswer | None:
    """The texts, if this operator has said why within the last quarter of an hour. Raises ReportNotFound."""
    row = selectors.report(report_id)
    if not selectors.is_revealed(report_id=report_id, by=actor, now=now):
        return None
    generation = Generation.objects.select_related("message__parent").get(pk=row.generation_id)
    return RevealedAnswer(question=_question_of(generation), text=generation.text, reasoning=generation.reasoning)


def decide_report(*, report_id: UUID, state: ReportState, result: str, actor: str, reason: str, now: datetime) -> None:
    """Decide a report, once; `result` is what its member is told.

    Raises ReportNotFound, ReportDecided, ReportNotDecided, ReasonMissing.
    """
    audit.require_reason(reason)
    check_result(state, result)
    with transaction.atomic():
        row = selectors.report(report_id)
        decided = {"state": state.value, "result": result, "decided_by": actor, "decided_at": now}
        # Who comes second, however closely, changes nothing.
        if not Report.objects.filter(pk=row.pk, state=ReportState.OPEN.value).update(**decided):
            raise errors.ReportDecided
        audit.record(
            actor=actor,
            action="chat.decide_report",
            target=("report", str(row.pk)),
            reason=reason,
            before={"state": ReportState.OPEN.value},
            after={"state": state.value, "was_late": now > row.due_at},
            now=now,
        )


def export_reports(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """What the member reported, oldest first, and what came of it."""
    for row in Report.objects.filter(user_id=user_id).order_by("pk").iterator(200):
        yield {
            "id": row.pk,
            "generation_id": row.generation_id,
            "reason": row.reason,
            "note": row.note,
            "state": row.state,
            "due_at": row.due_at,
            "result": row.result,
            "decided_at": row.decided_at,
            "created_at": row.created_at,
        }


def _question_of(generation: Generation) -> str:
    message = generation.message
    if message is not None:
        return message.parent.text if message.parent is not None else ""
    turns = rules.turns_of(generation.request) if generation.request else ()
    said = (f"{turn.role.value}: {turn.text}" + "".join(map(_shown, turn.calls)) for turn in turns)
    return "\n\n".join(said)


def _shown(call: ToolCall) -> str:
    return f"\n{call.name}({call.arguments})"
