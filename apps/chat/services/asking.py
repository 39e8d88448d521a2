"""Asking in a conversation: its messages, and the generation that answers the branch, in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Exists, QuerySet

from apps.accounts.contracts import IdentifiedKey
from apps.chat import errors, rules, selectors
from apps.chat.contracts import Asked, MessageDetail, ModelKind, Place, Role, Turn
from apps.chat.models import FOR_PROGRAMS, UNSETTLED, Conversation, Generation, Message
from apps.chat.services import paying, starting
from apps.chat.services.chain import asking
from apps.chat.services.pictures import chosen, hang
from apps.chat.services.wishes import Wishes, asks_of
from apps.chat.services.word_lists import sifting
from apps.kernel.characters import show_something
from apps.kernel.db import CompiledRead, CompiledUpdate, Given, insert, is_unique_violation
from apps.kernel.ids import UserId

_WANTED = frozenset({ModelKind.TEXT, ModelKind.IMAGE})
_NOT_SHOWN = tuple(f"generation__{name}" for name in FOR_PROGRAMS)
# With what was counted of the branch that ends in the answer.
_OWN = CompiledRead(
    lambda: (
        Conversation.objects.select_related("head__generation")
        .only(*_of_conversation(), "head__ends_context", *_of_branch("head__generation__"))
        .filter(user_id=Given("user_id"), pk=Given("conversation_id"), deleted_at=None)
    )
)
_OWN_ANSWER = CompiledRead(
    lambda: (
        Message.objects.select_related("conversation", "generation")
        .only("ends_context", *_of_conversation("conversation__"), *_of_branch("generation__"))
        .filter(
            role=Role.ASSISTANT,
            pk=Given("answer_id"),
            user_id=Given("user_id"),
            conversation_id=Given("conversation_id"),
            conversation__deleted_at=None,
        )
    )
)


def ask_question(
    *,
    user_id: UserId,
    conversation_id: UUID,
    text: str,
    model: str,
    client_id: str,
    now: datetime,
    parent_id: UUID | Place | None = Place.AFTER_HEAD,
    key: IdentifiedKey | None = None,
    address: str = "",
    offer: str = "",
    picture_ids: Sequence[UUID] = (),
    thinks: bool | None = None,
    searches: bool = False,
    image_size: str = "",
    image_quality: str = "",
) -> Asked:
    """Add a user's message and start the answer to it; the same client_id answers the same generation.

    Without parent_id the message follows the branch that the user looks at; below None it begins a branch of its
    own, as an edited first question does. Pays with a free use of the day, else by reserving what the answer may cost,
    which also counts against the cap of the API key, if one asks; by the token it is cut short to what can be paid.
    `address` is the visitor's, "" for nobody's; `offer` the version of the price that was shown, "" for any.
    `picture_ids` are pictures that it shows: uploaded and not asked with yet, or of this conversation.
    `thinks` asks the model to think, or not to; None leaves it to the model; `searches` asks it to search. What of it
    has a price is not free. A model of images draws one, of `image_size` and `image_quality` ("" leaves that to it),
    reading this text alone; it is kept with the answer.
    Raises OfferChanged, ConversationNotFound, MessageNotFound, ConversationBusy, ClientIdReused, ChatSwitchedOff,
    PictureNotFound, PictureInUse, TooManyPictures, ImagesNotUnderstood, ParameterNotOffered (for a model that cannot
    think, search, or draw), RequestTooLong and PicturesFull (of one that draws), and by the rules of the chain
    MessageEmpty, MessageTooLong, AskedTooOften, KeyAskedTooOften, KeyTokensUsedUp, RequestBeyondKeyTokens,
    NetworkBlocked, WordsRefused, ModelNotFound, ModelWritesNoText, ModelNotEntitled, QuotaExhausted, TooManyRunning,
    TooManyUnpaid, and of accounts MemberFrozen, MemberClosed, MemberBlocked, ModelNotAllowed, KeySpendCapReached.
    """
    answered_id = parent_id if isinstance(parent_id, UUID) else None
    conversation, above = _conversation(user_id=user_id, conversation_id=conversation_id, parent_id=answered_id)
    shown = chosen(user_id=user_id, conversation_id=conversation.pk, picture_ids=picture_ids)
    turn = rules.shown_turn(Role.USER, text, shown)
    tokens = rules.asked_tokens([turn])
    if parent_id is None:
        above = None
    question = Message(
        conversation=conversation,
        user_id=user_id,
        parent_id=conversation.head_id if parent_id is Place.AFTER_HEAD else answered_id,
        role=Role.USER,
        text=text,
        pictures=shown,
        client_id=client_id,
        created_at=now,
    )
    answer = _answer_to(question, now=now)
    turns = (*_unanswered(above), turn)
    # Looked through before the transaction.
    sift = sifting(turns)
    try:
        with asking(user_id=user_id, key=key, now=now) as lately, transaction.atomic():
            # First of all, so that a repeat finds its first result whatever has changed in between.
            insert([question, answer])
            if above is not None:
                # Its owner may begin afresh in the same moment: what is counted is what will be sent.
                above.ends_context = selectors.hold_context_of(message_id=above.pk)
            asked = starting.Asking(
                user_id=user_id, model=model, key=key, address=address, sift=sift, now=now, offer=offer, wanted=_WANTED
            )
            asker = starting.admit(asked, turns=turns, lately=lately)
            _check_is_seen(question, asker)
            hang(question, conversation_id=conversation.pk)
            if _keep_as_ruled(question, asker):
                tokens = rules.asked_tokens([rules.shown_turn(Role.USER, question.text, shown)])
            asks = asks_of(
                asker,
                answer,
                question_tokens=tokens,
                branch_tokens=_sum(_tokens_above(above), tokens),
                wishes=Wishes(thinks, searches, image_size, image_quality),
            )
            _start(asker, asks, conversation, answer, title=rules.title_from(question.text))
    except IntegrityError as error:
        if not is_unique_violation(error, "chat_message_client_id_once", ("user_id", "client_id")):
            raise
        return _repeat(question)
    return _asked(question, answer)


def regenerate_answer(
    *,
    user_id: UserId,
    message_id: UUID,
    model: str | None,
    client_id: str,
    now: datetime,
    key: IdentifiedKey | None = None,
    address: str = "",
    offer: str = "",
    thinks: bool | None = None,
    searches: bool = False,
    image_size: str = "",
    image_quality: str = "",
) -> Asked:
    """Start another answer to the same user message, beside the old one; the same client_id does it once.

    `message_id` is an answer, or the user's message itself; without a model the last answer's is asked.
    Raises MessageNotFound and what ask_question() raises.
    """
    question = _question_of(user_id=user_id, message_id=message_id)
    answer = _answer_to(question, now=now)
    answer.client_id = client_id
    turns = (*_unanswered(question.parent), rules.shown_turn(Role.USER, question.text, question.pictures))
    sift = sifting(turns)
    try:
        with asking(user_id=user_id, key=key, now=now) as lately, transaction.atomic():
            insert([answer])
            last_model, branch_tokens = _last_asked(question)
            wanted = model or last_model
            asked = starting.Asking(
                user_id=user_id, model=wanted, key=key, address=address, sift=sift, now=now, offer=offer, wanted=_WANTED
            )
            asker = starting.admit(asked, turns=turns, lately=lately)
            _check_is_seen(question, asker)
            if _keep_as_ruled(question, asker):
                branch_tokens = None
            tokens = rules.asked_tokens([rules.shown_turn(Role.USER, question.text, question.pictures)])
            wishes = Wishes(thinks, searches, image_size, image_quality)
            asks = asks_of(asker, answer, question_tokens=tokens, branch_tokens=branch_tokens, wishes=wishes)
            _start(asker, asks, question.conversation, answer, title="")
    except IntegrityError as error:
        if not is_unique_violation(error, "chat_message_client_id_once", ("user_id", "client_id")):
            raise
        return _repeat_of_answer(answer)
    return _asked(question, answer)


def _of_conversation(prefix: str = "") -> list[str]:
    """The columns of a conversation that asking reads."""
    return [f"{prefix}{name}" for name in ("id", "user_id", "title", "head_id")]


def _of_branch(prefix: str) -> list[str]:
    """The columns that say how long the branch is that ends in an answer."""
    return [f"{prefix}{name}" for name in ("message_id", "branch_tokens", "text")]


def _conversation(
    *, user_id: UserId, conversation_id: UUID, parent_id: UUID | None
) -> tuple[Conversation, Message | None]:
    """The conversation and the answer that is looked at, in one query; with a parent, only if that is one in it."""
    if parent_id is not None:
        parent = _OWN_ANSWER.one(user_id=user_id, conversation_id=conversation_id, answer_id=parent_id)
        if parent is None:
            raise errors.MessageNotFound(message_id=str(parent_id))
        return parent.conversation, parent
    conversation = _OWN.one(user_id=user_id, conversation_id=conversation_id)
    if conversation is None:
        raise errors.ConversationNotFound(conversation_id=str(conversation_id))
    return conversation, conversation.head


def _tokens_above(answer: Message | None) -> int | None:
    """Our count of the branch down to this answer, as far as it is sent; None where nobody counted its beginning."""
    if answer is None or answer.ends_context:
        return 0
    return _sum(answer.generation.branch_tokens, rules.message_tokens(answer.generation.text))


def _unanswered(answer: Message | None) -> tuple[Turn, ...]:
    """The questions above that no word came to, if this answer is none: the model reads them and the next as one."""
    if answer is None or answer.ends_context or show_something(answer.generation.text):
        return ()
    return rules.unanswered(selectors.turns_above([answer])[answer.pk])


def _sum(branch_tokens: int | None, more: int) -> int | None:
    return None if branch_tokens is None else branch_tokens + more


def _question_of(*, user_id: UserId, message_id: UUID) -> Message:
    # With the answer above it, wherever that stands.
    above = ("parent__generation", "parent__parent__generation")
    rows = Message.objects.select_related("conversation", "parent__conversation", *above)
    row = rows.filter(pk=message_id, user_id=user_id, conversation__deleted_at=None).first()
    question = row.parent if row is not None and row.role == Role.ASSISTANT else row
    if question is None:
        raise errors.MessageNotFound(message_id=str(message_id))
    return question


def _last_asked(question: Message) -> tuple[str, int | None]:
    """Which model was asked last, and our count of the branch down to the question."""
    answers = Generation.objects.filter(message__parent=question).order_by("-pk")
    return answers.values_list("model__code", "branch_tokens").first() or ("", None)


def _answer_to(question: Message, *, now: datetime) -> Message:
    return Message(
        conversation_id=question.conversation_id,
        user_id=question.user_id,
        parent=question,
        role=Role.ASSISTANT,
        created_at=now,
    )


def _start(
    asker: paying.Admitted, asks: paying.Asks, conversation: Conversation, answer: Message, *, title: str
) -> None:
    """Pay, show the answer to come, and queue it: what is asked is the branch above."""
    generation = paying.paid_generation(asker, asks)
    _move_head(asker, conversation, answer, title=title)
    generation.message = answer
    starting.queue(generation, asker=asker)


def _check_is_seen(question: Message, asker: paying.Admitted) -> None:
    """Raise ImagesNotUnderstood for pictures that the model does not see; the names of those that do are `models`."""
    if question.pictures and not asker.facts.model.has_vision:
        raise errors.ImagesNotUnderstood(models=selectors.models_that_see())


def _keep_as_ruled(question: Message, asker: paying.Admitted) -> bool:
    """Keep, show and ask what the rules made of the question, what they masked being nowhere; whether it is another."""
    if asker.question.text == question.text:
        return False
    question.text = asker.question.text
    Message.objects.filter(pk=question.pk).update(text=question.text)
    return True


def _move_head(asker: paying.Admitted, conversation: Conversation, answer: Message, *, title: str) -> None:
    """Point the conversation at the new answer, if nobody else did so meanwhile and not too many answers run."""
    is_titled = bool(title and not conversation.title)
    moved = _moved(has_head=conversation.head_id is not None, is_titled=is_titled).run(
        conversation_id=conversation.pk,
        head_id=conversation.head_id,
        answer_id=answer.pk,
        title=title,
        now=asker.now,
        **paying.room_of(asker),
    )
    if not moved:
        paying.check_room(asker)
        raise errors.ConversationBusy


@cache
def _moved(*, has_head: bool, is_titled: bool) -> CompiledUpdate:
    changes: dict[str, Any] = {"head": Given("answer_id"), "updated_at": Given("now"), "archived_at": None}
    if is_titled:
        changes["title"] = Given("title")
    return CompiledUpdate(lambda: paying.if_there_is_room(_movable(has_head=has_head)), **changes)


def _movable(*, has_head: bool) -> QuerySet[Conversation]:
    conversation_id, head_id = Given("conversation_id"), Given("head_id") if has_head else None
    running = Generation.objects.filter(
        user_id=Given("user_id"), state__in=UNSETTLED, message__conversation=conversation_id
    )
    same_head = Conversation.objects.filter(pk=conversation_id, deleted_at=None, head=head_id)
    return same_head.filter(~Exists(running))


def _repeat(question: Message) -> Asked:
    """What the first act with this client_id answered. Raises ClientIdReused."""
    first = Message.objects.get(user_id=question.user_id, client_id=question.client_id)
    is_same = first.role == Role.USER and first.conversation_id == question.conversation_id
    is_same = is_same and first.pictures == question.pictures
    if not is_same or not rules.is_same_question(first.text, question.text):
        raise errors.ClientIdReused
    answers = Message.objects.select_related("generation__model", "generation__price").defer(*_NOT_SHOWN)
    return _asked(first, answers.filter(parent=first).order_by("pk")[0])


def _repeat_of_answer(answer: Message) -> Asked:
    answers = Message.objects.select_related("parent", "generation__model", "generation__price").defer(*_NOT_SHOWN)
    first = answers.get(user_id=answer.user_id, client_id=answer.client_id)
    if first.role != Role.ASSISTANT or first.parent is None or first.parent_id != answer.parent_id:
        raise errors.ClientIdReused
    return _asked(first.parent, first)


def _asked(question: Message, answer: Message) -> Asked:
    generation = answer.generation
    detail = selectors.generation_detail(generation)
    return Asked(
        message=MessageDetail(
            id=question.id,
            parent_id=question.parent_id,
            role=Role.USER,
            text=question.text,
            created_at=question.created_at,
            picture_ids=selectors.picture_ids(question.pictures),
        ),
        answer=MessageDetail(
            id=answer.id,
            parent_id=answer.parent_id,
            role=Role.ASSISTANT,
            text=generation.text,
            created_at=answer.created_at,
            generation=detail,
        ),
        generation=detail,
    )
