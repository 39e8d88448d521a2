"""Conversations: make, name, archive, delete, and choose the branch to look at."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.accounts import services as accounts
from apps.chat import errors, rules, selectors
from apps.chat.contracts import ConversationSummary, MessageDetail, Role
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


def begin_afresh(
    *, user_id: UserId, conversation_id: UUID, message_id: UUID, now: datetime, is_on: bool = True
) -> MessageDetail:
    """Send nothing from this answer up with what is asked below it, in whichever branch; `is_on` False takes it back.

    The same again changes nothing, nor does anything once something was asked below, which was asked with what stood
    above, or without: the message that is answered says how it stands. Raises MessageNotFound (also for a question),
    and ConversationBusy while the answer is being written.
    """
    with transaction.atomic():
        # Against the lock that asking below takes on it (hold_context_of): who asks meanwhile is seen here, or waits.
        rows = Message.objects.select_for_update(of=("self",))
        row = rows.filter(
            pk=message_id,
            user_id=user_id,
            conversation_id=conversation_id,
            conversation__deleted_at=None,
            role=Role.ASSISTANT,
        ).first()
        if row is None:
            raise errors.MessageNotFound(message_id=str(message_id))
        if row.ends_context != is_on and not Message.objects.filter(parent=row).exists():
            if Generation.objects.filter(message=row, state__in=UNSETTLED).exists():
                raise errors.ConversationBusy
            Message.objects.filter(pk=row.pk).update(ends_context=is_on)
            # Other devices look at this to see whether they show what there is.
            Conversation.objects.filter(pk=conversation_id).update(updated_at=now)
    return selectors.message_of(user_id=user_id, message_id=message_id)


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
