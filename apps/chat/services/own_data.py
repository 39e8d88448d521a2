"""What chat knows about one person: told on request, erased when they leave."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from apps.chat.contracts import QUOTA
from apps.chat.errors import AnswerUnderWay
from apps.chat.models import UNSETTLED, AnswerVectors, Conversation, Entitlement, Generation, Message, Picture, Report
from apps.chat.services.labelled import label_of_answer
from apps.chat.services.pictures import erase_pictures
from apps.kernel.ids import UserId
from apps.ledger import services as ledger

_CHUNK = 200


def export_conversations(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """The member's conversations, oldest first, without the deleted ones, of which nothing is left to tell."""
    rows = Conversation.objects.filter(user_id=user_id, deleted_at=None).order_by("pk")
    yield from rows.values("id", "title", "created_at", "updated_at", "archived_at").iterator(_CHUNK)


def export_messages(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """Every message of those conversations, oldest first; an answer says what wrote it and what it cost."""
    rows = Message.objects.filter(user_id=user_id, conversation__deleted_at=None).select_related("generation__model")
    for row in rows.order_by("pk").iterator(_CHUNK):
        generation = getattr(row, "generation", None)
        yield {
            "id": row.pk,
            "conversation_id": row.conversation_id,
            "parent_id": row.parent_id,
            "role": row.role,
            "text": generation.text if generation else row.text,
            "pictures": [each["picture"] for each in row.pictures or ()],
            "reasoning": (generation.reasoning if generation else "") or None,
            "created_at": row.created_at,
            "ends_context": row.ends_context,
            "model": generation.model.code if generation else None,
            "state": generation.state if generation else None,
            "paid_by": generation.paid_by if generation else None,
            "charged_milli": generation.charged_milli if generation else None,
            "AIGC": label_of_answer(generation.pk) if generation else None,
        }


def export_generations(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """What was asked without a conversation and answered, oldest first; what it cost."""
    rows = Generation.objects.filter(user_id=user_id, message=None).select_related("model")
    for row in rows.order_by("pk").iterator(_CHUNK):
        yield {
            "id": row.pk,
            "request": row.request,
            "options": row.options,
            "text": row.text,
            "reasoning": row.reasoning or None,
            "tool_calls": row.tool_calls,
            "logprobs": row.logprobs,
            "created_at": row.created_at,
            "model": row.model.code,
            "state": row.state,
            "paid_by": row.paid_by,
            "charged_milli": row.charged_milli,
            "AIGC": label_of_answer(row.pk),
        }


def export_quota_entries(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """Every movement of the member's quota, newest first."""
    for entry in ledger.statement(account=ledger.user_account(user_id, QUOTA)):
        yield {
            "id": entry.id,
            "amount_milli": entry.amount,
            "kind": entry.kind,
            "balance_after_milli": entry.balance_after,
            "created_at": entry.created_at,
        }


def export_entitlements(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """What gave the member the right to use models beyond the common ones, and when it ends; for ever without days."""
    rows = Entitlement.objects.filter(user_id=user_id).select_related("model").order_by("pk")
    for row in rows.iterator(_CHUNK):
        yield {
            "model": row.model.code,
            "given_by": row.cause_type,
            "days": row.days,
            "ends_at": row.ends_at,
            "created_at": row.created_at,
        }


def check_nothing_runs(*, user_id: UserId) -> AnswerUnderWay | None:
    """Why a member cannot leave yet: an answer is being written, with quota set aside for it."""
    # Asking holds the member (hold_active), so does closing: an answer that was asked for is seen here.
    is_running = Generation.objects.filter(user_id=user_id, state__in=UNSETTLED).exists()
    return AnswerUnderWay() if is_running else None


def erase_texts(*, user_id: UserId, now: datetime) -> None:
    """Erase everything that the member and the models wrote or drew, in the caller's transaction; what was paid stays
    in the ledger.
    """
    Conversation.objects.filter(user_id=user_id, deleted_at=None).update(title="", deleted_at=now)
    Message.objects.filter(user_id=user_id).update(text="", pictures=None)
    erase_pictures(Picture.objects.filter(user_id=user_id), now=now)
    Generation.objects.filter(user_id=user_id).update(
        request=None, options=None, text="", reasoning="", tool_calls=None, logprobs=None
    )
    AnswerVectors.objects.filter(generation__user_id=user_id).delete()
    Report.objects.filter(user_id=user_id).update(note="", result="")
