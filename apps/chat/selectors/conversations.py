"""Reads of conversations and their messages."""

from collections import defaultdict
from collections.abc import Collection
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery

from apps.chat import errors
from apps.chat.contracts import ConversationSummary, MessageDetail, Role, SearchHit, Turn
from apps.chat.models import FOR_PROGRAMS, SHOWN_TEXT, UNSETTLED, Conversation, Generation, Message
from apps.chat.rules import MAX_TURNS, limits, shown_turn
from apps.chat.selectors.answers import generation_detail
from apps.chat.selectors.reports import reported
from apps.kernel.db import CompiledRead, given_ids, numbered, prepared_cursor
from apps.kernel.graphemes import cut
from apps.kernel.ids import UserId
from apps.kernel.paging import Page, page_of

# On PostgreSQL with a lock that Django does not know: it waits for who locks the answer itself, such as begin_afresh(),
# and for nobody who asks below it or erases its texts.
_CONTEXT, _HELD = "SELECT ends_context FROM chat_message WHERE id = %s", " FOR KEY SHARE"


def conversation_of(*, user_id: UserId, conversation_id: UUID) -> ConversationSummary:
    """One conversation. Raises ConversationNotFound."""
    row = _visible(user_id).filter(pk=conversation_id).first()
    if row is None:
        raise errors.ConversationNotFound(conversation_id=str(conversation_id))
    return summary(row)


def conversations_of(*, user_id: UserId, cursor: str | None, size: int) -> Page[ConversationSummary]:
    """A page of conversations, the newest made first (a cursor needs an order that does not move)."""
    return page_of(_visible(user_id), cursor, size).map(summary)


def recent_conversations(*, user_id: UserId, limit: int) -> list[ConversationSummary]:
    """The conversations that were used last, without the archived and the empty ones."""
    rows = _visible(user_id).filter(archived_at=None, head__isnull=False).order_by("-updated_at")
    return [summary(row) for row in rows[:limit]]


def summary(row: Conversation) -> ConversationSummary:
    """A conversation as others see it."""
    return ConversationSummary(
        id=row.id,
        title=row.title,
        created_at=row.created_at,
        updated_at=row.updated_at,
        is_archived=row.archived_at is not None,
        running_generation_id=getattr(row, "running_generation_id", None),
    )


def messages_of(*, user_id: UserId, conversation_id: UUID, cursor: str | None, size: int) -> Page[MessageDetail]:
    """A page of all messages of a conversation, every branch, newest first. Raises ConversationNotFound."""
    conversation_of(user_id=user_id, conversation_id=conversation_id)
    rows = _full(conversation_id)
    return page_of(rows, cursor, size).map(lambda row: _detail(row, siblings=()))


def message_of(*, user_id: UserId, message_id: UUID) -> MessageDetail:
    """One message, as it was written; somebody else's does not exist. Raises MessageNotFound."""
    mine = Message.objects.filter(conversation__user_id=user_id, conversation__deleted_at=None)
    row = _with_generation(mine).filter(pk=message_id).first()
    if row is None:
        raise errors.MessageNotFound(message_id=str(message_id))
    return _detail(row, siblings=())


def branch_of(*, user_id: UserId, conversation_id: UUID, limit: int) -> tuple[MessageDetail, ...]:
    """The last `limit` messages of the branch that the owner looks at, oldest first. Raises ConversationNotFound."""
    return conversation_with_branch(user_id=user_id, conversation_id=conversation_id, limit=limit)[1]


def conversation_with_branch(
    *, user_id: UserId, conversation_id: UUID, limit: int
) -> tuple[ConversationSummary, tuple[MessageDetail, ...]]:
    """One conversation and the last `limit` messages of the branch that its owner looks at, in three queries.

    Raises ConversationNotFound.
    """
    conversation = _visible(user_id).filter(pk=conversation_id).first()
    if conversation is None:
        raise errors.ConversationNotFound(conversation_id=str(conversation_id))
    # Ids only: a branch is found by walking up the tree, and a tree of thousands of ids is small.
    edges = Message.objects.filter(conversation_id=conversation_id).order_by("pk")
    parent_of: dict[UUID, UUID | None] = {}
    children_of: dict[UUID | None, list[UUID]] = defaultdict(list)
    for message_id, parent_id in edges.values_list("pk", "parent_id"):
        parent_of[message_id] = parent_id
        children_of[parent_id].append(message_id)
    path: list[UUID] = []
    at = conversation.head_id
    while at is not None and len(path) < limit:
        path.append(at)
        at = parent_of[at]
    rows = {row.pk: row for row in _full(conversation_id).filter(pk__in=path)}
    branch = [_detail(rows[pk], siblings=tuple(children_of[parent_of[pk]])) for pk in reversed(path)]
    return summary(conversation), tuple(branch)


def turns_above(answers: Collection[Message]) -> dict[UUID, list[Turn]]:
    """By answer, the branch that ends in the question to it, oldest first, from where its owner began afresh; for all
    of them in two statements.
    """
    if not answers:
        return {}
    conversations = numbered({answer.conversation_id for answer in answers})
    parent_of: dict[UUID, UUID | None] = {}
    ends: set[UUID] = set()
    for pk, parent_id, ends_context in _edges(len(conversations)).tuples(**conversations):
        parent_of[pk] = parent_id
        if ends_context:
            ends.add(pk)
    paths: dict[UUID, list[UUID]] = {answer.pk: [] for answer in answers}
    for answer in answers:
        path, at = paths[answer.pk], answer.parent_id
        while at is not None and at not in ends and len(path) < MAX_TURNS:
            path.append(at)
            at = parent_of[at]
    wanted = numbered({pk for path in paths.values() for pk in path})
    found = _shown_texts(len(wanted)).tuples(**wanted)
    # What a model drew is shown to members; no provider takes pictures from an assistant.
    turns = {
        pk: shown_turn(Role(role), text, pictures if role == Role.USER else None) for pk, role, text, pictures in found
    }
    return {answer: [turns[pk] for pk in reversed(path)] for answer, path in paths.items()}


def hold_context_of(*, message_id: UUID) -> bool:
    """Whether nothing from this answer up is sent with what is asked below it; it stays so until the caller's
    transaction is over. Raises MessageNotFound.
    """
    answer = Message._meta.pk.get_db_prep_value(message_id, connection)
    with prepared_cursor() as cursor:
        cursor.execute(_CONTEXT + (_HELD if connection.vendor == "postgresql" else ""), [answer])
        row = cursor.fetchone()
    if row is None:
        raise errors.MessageNotFound(message_id=str(message_id))
    return bool(row[0])


@cache
def _edges(number: int) -> CompiledRead[Any]:
    return CompiledRead(lambda: _edges_in(given_ids(number)))


def _edges_in(conversations: Any) -> QuerySet[Any, Any]:
    return Message.objects.filter(conversation__pk__in=conversations).values_list("pk", "parent_id", "ends_context")


@cache
def _shown_texts(number: int) -> CompiledRead[Any]:
    return CompiledRead(lambda: _shown_texts_of(given_ids(number)))


def _shown_texts_of(messages: Any) -> QuerySet[Any, Any]:
    return Message.objects.filter(pk__in=messages).values_list("pk", "role", SHOWN_TEXT, "pictures")


def search(*, user_id: UserId, words: str, limit: int) -> list[SearchHit]:
    """Conversations whose title or messages hold the words, the last used first, one hit each.

    A plain substring search over this user's rows only; the amount is bounded by `limit`.
    """
    messages = Message.objects.filter(conversation=OuterRef("pk")).annotate(shown=SHOWN_TEXT)
    matching = messages.filter(shown__icontains=words).order_by("-pk")
    rows = (
        Conversation.objects.filter(user_id=user_id, deleted_at=None)
        .annotate(hit_id=Subquery(matching.values("pk")[:1]), hit_text=Subquery(matching.values("shown")[:1]))
        .filter(Q(hit_id__isnull=False) | Q(title__icontains=words))
        .order_by("-updated_at")
    )
    return [
        SearchHit(
            conversation_id=row.id,
            title=row.title,
            message_id=row.hit_id,
            snippet=_snippet(row.hit_text or "", words),
            updated_at=row.updated_at,
        )
        for row in rows[:limit]
    ]


def _visible(user_id: UserId) -> QuerySet[Conversation]:
    running = Generation.objects.filter(user_id=user_id, state__in=UNSETTLED, message__conversation=OuterRef("pk"))
    return Conversation.objects.filter(user_id=user_id, deleted_at=None).annotate(
        running_generation_id=Subquery(running.values("pk")[:1])
    )


def _full(conversation_id: UUID) -> QuerySet[Message]:
    return _with_generation(Message.objects.filter(conversation_id=conversation_id))


def _with_generation(rows: QuerySet[Message]) -> QuerySet[Message]:
    related = ("generation__model", "generation__price", "generation__report")
    return rows.select_related(*related).defer(*(f"generation__{name}" for name in FOR_PROGRAMS))


def _detail(row: Message, *, siblings: tuple[UUID, ...]) -> MessageDetail:
    role = Role(row.role)
    generation, text, reasoning, report = None, row.text, "", None
    if role is Role.ASSISTANT:
        row.generation.message = row  # loaded already; spares a query per answer
        generation = generation_detail(row.generation)
        text, reasoning = row.generation.text, row.generation.reasoning
        report = reported(row.generation)
    return MessageDetail(
        id=row.id,
        parent_id=row.parent_id,
        role=role,
        text=text,
        created_at=row.created_at,
        generation=generation,
        reasoning=reasoning,
        picture_ids=picture_ids(row.pictures),
        sibling_ids=siblings,
        report=report,
        ends_context=row.ends_context,
    )


def picture_ids(pictures: Any) -> tuple[UUID, ...]:
    """Which pictures a message shows, by what it keeps of them; None for none."""
    return tuple(UUID(each["picture"]) for each in pictures or ())


def _snippet(text: str, words: str) -> str:
    at = max(0, text.lower().find(words.lower()))
    start = len(cut(text, max(0, at - limits.SNIPPET_BEFORE)))
    end = len(cut(text, at + len(words) + limits.SNIPPET_AFTER))
    return f"{'…' if start else ''}{text[start:end].strip()}{'…' if end < len(text) else ''}"
