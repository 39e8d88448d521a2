"""Conversations: make, name, archive, delete, and choose the branch to look at."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.accounts import services as accounts
from apps.chat import errors, rules, selectors
from apps.chat.contracts import ConversationSummary
from apps.chat.models import UNSETTLED, Conversation, Generation, Message, Picture, Report
from apps.chat.services.pictures import erase_pictures
from apps.kernel.ids import UserId


def create_conversation(*, user_id: UserId, now: datetime, title: str = "") -> ConversationSummary:
    """Start an empty conversation; without a title it takes one from its first message.

    Raises TitleNotValid, and of accounts MemberClosed, MemberNotFound.
    """
    name = rules.check_title(title) if title else ""
    row = Conversation(user_id=user_id, title=name, created_at=now, updated_at=now)
    with transaction.atomic():
        accounts.hold_open(user_id=user_id)
        row.save(force_insert=True)
    return selectors.summary(row)


def change_conversation(
    *,
    user_id: UserId,
    conversation_id: UUID,
    now: datetime,
    title: str | None = None,
    is_archived: bool | None = None,
    head_id: UUID | None = None,
) -> ConversationSummary:
    """Rename a conversation, archive it, or look at the branch of another message; None leaves things as they are.

    Looking at a message means the branch from its newest descendant up; new messages follow there. All or
    nothing. Raises ConversationNotFound, MessageNotFound, TitleNotValid, and of accounts MemberClosed, MemberNotFound.
    """
    changes: dict[str, object] = {}
    if title is not None:
        changes["title"] = rules.check_title(title)
    if is_archived is not None:
        changes["archived_at"] = now if is_archived else None
    with transaction.atomic():
        accounts.hold_open(user_id=user_id)
        selectors.conversation_of(user_id=user_id, conversation_id=conversation_id)
        if head_id is not None:
            changes["head_id"] = _newest_leaf_below(head_id, conversation_id=conversation_id)
        if changes:
            Conversation.objects.filter(pk=conversation_id, user_id=user_id, deleted_at=None).update(**changes)
    return selectors.conversation_of(user_id=user_id, conversation_id=conversation_id)


def delete_conversation(*, user_id: UserId, conversation_id: UUID, now: datetime) -> None:
    """Erase a conversation's texts and pictures for good; what was paid for its answers stays in the ledger.

    Raises ConversationNotFound, and ConversationBusy while an answer is being written.
    """
    with transaction.atomic():
        # Under this lock nobody can add an answer: asking moves the head of the same row.
        rows = Conversation.objects.select_for_update(of=("self",), no_key=True)
        row = rows.filter(pk=conversation_id, user_id=user_id, deleted_at=None).first()
        if row is None:
            raise errors.ConversationNotFound(conversation_id=str(conversation_id))
        if Generation.objects.filter(message__conversation=row, state__in=UNSETTLED).exists():
            raise errors.ConversationBusy
        row.title, row.deleted_at = "", now
        row.save(update_fields=["title", "deleted_at"])
        Message.objects.filter(conversation=row).update(text="", pictures=None)
        erase_pictures(Picture.objects.filter(message__conversation=row), now=now)
        Generation.objects.filter(message__conversation=row).update(text="", reasoning="")
        # It may quote them; that something was reported, and what became of it, stays.
        Report.objects.filter(generation__message__conversation=row).update(note="")


def _newest_leaf_below(message_id: UUID, *, conversation_id: UUID) -> UUID:
    rows = Message.objects.filter(conversation_id=conversation_id).order_by("pk")
    edges = list(rows.values_list("pk", "parent_id"))
    if message_id not in dict(edges):
        raise errors.MessageNotFound(message_id=str(message_id))
    # In the order of ids the last child of a parent is its newest.
    newest_child = {parent_id: child_id for child_id, parent_id in edges}
    leaf = message_id
    while leaf in newest_child:
        leaf = newest_child[leaf]
    return leaf
