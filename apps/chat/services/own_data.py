"""What chat knows about one person: told on request, erased when they leave."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from apps.chat.contracts import QUOTA
from apps.chat.errors import AnswerUnderWay
from apps.chat.models import UNSETTLED, Conversation, Entitlement, Generation, Message
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
            "text": row.text,
            "created_at": row.created_at,
            "model": generation.model.code if generation else None,
            "state": generation.state if generation else None,
            "paid_by": generation.paid_by if generation else None,
            "charged_milli": generation.charged_milli if generation else None,
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
    """The models that the member may use beyond the common ones."""
    rows = Entitlement.objects.filter(user_id=user_id).select_related("model").order_by("pk")
    for row in rows.iterator(_CHUNK):
        yield {"model": row.model.code, "given_by": row.cause_type, "created_at": row.created_at}


def check_nothing_runs(*, user_id: UserId) -> AnswerUnderWay | None:
    """Why a member cannot leave yet: an answer is being written, with quota set aside for it."""
    # Under these locks nobody can start another one: asking moves the head of its conversation.
    list(Conversation.objects.select_for_update(of=("self",), no_key=True).filter(user_id=user_id, deleted_at=None))
    is_running = Generation.objects.filter(user_id=user_id, state__in=UNSETTLED).exists()
    return AnswerUnderWay() if is_running else None


def erase_texts(*, user_id: UserId, now: datetime) -> None:
    """Erase everything that the member and the models wrote; what was paid stays in the ledger."""
    Conversation.objects.filter(user_id=user_id, deleted_at=None).update(title="", deleted_at=now)
    Message.objects.filter(user_id=user_id).update(text="")
