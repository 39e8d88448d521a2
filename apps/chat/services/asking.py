"""Asking: one transaction that pays for an answer and queues the job that writes it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, IntegerField, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from apps.accounts import services as accounts
from apps.accounts.contracts import IdentifiedKey, ListScope
from apps.chat import errors, rules, selectors
from apps.chat.contracts import QUOTA, Asked, MessageDetail, PaidBy, Role
from apps.chat.engine import feed
from apps.chat.models import UNSETTLED, Conversation, Generation, Message
from apps.chat.services import quota
from apps.kernel import switches
from apps.kernel.db import is_unique_violation
from apps.kernel.ids import UserId, new_id
from apps.ledger import services as ledger

# Longer than a generation can wait and run together, so that only a bug leaves a hold past it.
_HOLD_FOR = timedelta(minutes=30)


@dataclass(frozen=True)
class _Payment:
    paid_by: PaidBy
    free_day: date | None = None
    hold_id: UUID | None = None


def ask(
    *,
    user_id: UserId,
    conversation_id: UUID,
    text: str,
    model: str,
    client_id: str,
    now: datetime,
    parent_id: UUID | None = None,
    key: IdentifiedKey | None = None,
) -> Asked:
    """Add a user's message and start the answer to it; the same client_id answers the same generation.

    Without parent_id the message follows the branch that the user looks at. Pays with a free use of the
    day, else by reserving the model's price, which also counts against the cap of the API key, if one asks.
    Raises ConversationNotFound, MessageNotFound, ModelNotFound, ModelNotEntitled, MessageEmpty, MessageTooLong,
    QuotaExhausted, TooManyRunning, ConversationBusy, ClientIdReused, ChatSwitchedOff, and of accounts MemberFrozen,
    MemberBlocked, ModelNotAllowed, KeySpendCapReached.
    """
    conversation = _conversation(user_id=user_id, conversation_id=conversation_id, parent_id=parent_id)
    facts = _model_facts(user_id=user_id, code=model)
    question = Message(
        conversation=conversation,
        user_id=user_id,
        parent_id=parent_id or conversation.head_id,
        role=Role.USER,
        text=text,
        client_id=client_id,
        created_at=now,
    )
    answer = _answer_to(question, now=now)
    try:
        with transaction.atomic():
            # First of all, so that a repeat finds its first result whatever has changed in between.
            Message.objects.bulk_create([question, answer])
            _check(user_id=user_id, text=text, facts=facts, key=key, now=now)
            generation = _start(conversation, answer, facts, key=key, now=now, title=rules.title_from(text))
    except IntegrityError as error:
        if not is_unique_violation(error, "chat_message_client_id_once", ("user_id", "client_id")):
            raise
        return _repeat(question)
    return _asked(question, generation)


def regenerate(
    *,
    user_id: UserId,
    message_id: UUID,
    model: str | None,
    client_id: str,
    now: datetime,
    key: IdentifiedKey | None = None,
) -> Asked:
    """Start another answer to the same user message, beside the old one; the same client_id does it once.

    `message_id` is an answer, or the user's message itself; without a model the last answer's is asked.
    Raises MessageNotFound and what ask() raises.
    """
    question = _question_of(user_id=user_id, message_id=message_id)
    facts = _model_facts(user_id=user_id, code=model or _last_model(question))
    answer = _answer_to(question, now=now)
    answer.client_id = client_id
    try:
        with transaction.atomic():
            answer.save(force_insert=True)
            _check(user_id=user_id, text=question.text, facts=facts, key=key, now=now)
            generation = _start(question.conversation, answer, facts, key=key, now=now, title="")
    except IntegrityError as error:
        if not is_unique_violation(error, "chat_message_client_id_once", ("user_id", "client_id")):
            raise
        return _repeat_of_answer(answer)
    return _asked(question, generation)


def _conversation(*, user_id: UserId, conversation_id: UUID, parent_id: UUID | None) -> Conversation:
    """The conversation, in one query; with a parent, only if that is an answer in it."""
    if parent_id is not None:
        answers = Message.objects.select_related("conversation").filter(role=Role.ASSISTANT, pk=parent_id)
        parent = answers.filter(user_id=user_id, conversation_id=conversation_id, conversation__deleted_at=None).first()
        if parent is None:
            raise errors.MessageNotFound(message_id=str(parent_id))
        return parent.conversation
    conversation = Conversation.objects.filter(user_id=user_id, pk=conversation_id, deleted_at=None).first()
    if conversation is None:
        raise errors.ConversationNotFound(conversation_id=str(conversation_id))
    return conversation


def _question_of(*, user_id: UserId, message_id: UUID) -> Message:
    rows = Message.objects.select_related("conversation", "parent__conversation")
    row = rows.filter(pk=message_id, user_id=user_id, conversation__deleted_at=None).first()
    question = row.parent if row is not None and row.role == Role.ASSISTANT else row
    if question is None:
        raise errors.MessageNotFound(message_id=str(message_id))
    return question


def _last_model(question: Message) -> str:
    answers = Generation.objects.filter(message__parent=question).order_by("-pk")
    return answers.values_list("model__code", flat=True).first() or ""


def _model_facts(*, user_id: UserId, code: str) -> selectors.ModelFacts:
    facts = selectors.model_facts(user_id=user_id, code=code)
    if facts is None:
        raise errors.ModelNotFound(model=code)
    return facts


def _answer_to(question: Message, *, now: datetime) -> Message:
    return Message(
        conversation_id=question.conversation_id,
        user_id=question.user_id,
        parent=question,
        role=Role.ASSISTANT,
        created_at=now,
    )


def _check(
    *, user_id: UserId, text: str, facts: selectors.ModelFacts, key: IdentifiedKey | None, now: datetime
) -> None:
    if not switches.is_on("chat.enabled"):
        raise errors.ChatSwitchedOff
    accounts.require_active(user_id=user_id, scope=ListScope.CHAT, now=now)
    if key is not None:
        accounts.check_key_model(key=key, model=facts.model.code)
    rules.check_question(
        rules.Question(
            text=text,
            max_chars=facts.policy.max_message_chars,
            model=facts.model.code,
            is_model_enabled=facts.is_enabled,
            needs_entitlement=facts.model.needs_entitlement,
            is_entitled=facts.is_entitled,
        )
    )


def _start(
    conversation: Conversation,
    answer: Message,
    facts: selectors.ModelFacts,
    *,
    key: IdentifiedKey | None,
    now: datetime,
    title: str,
) -> Generation:
    user_id = UserId(answer.user_id)
    generation_id = new_id()
    payment = _pay(user_id=user_id, generation_id=generation_id, facts=facts, now=now)
    if key is not None and payment.paid_by is PaidBy.QUOTA:
        accounts.spend_with_key(key=key, amount_milli=facts.model.price_milli)
    # After the payment, which one user's requests take in turn: what is counted here cannot change any more.
    _move_head(conversation, answer, max_running=facts.policy.max_running, now=now, title=title)
    generation = Generation(
        id=generation_id,
        message=answer,
        user_id=user_id,
        model=facts.model,
        price_milli=facts.model.price_milli,
        paid_by=payment.paid_by,
        free_day=payment.free_day,
        hold_id=payment.hold_id,
        api_key_id=key.key_id if key is not None else None,
        created_at=now,
    )
    generation.save(force_insert=True)
    transaction.on_commit(lambda: feed.wake_engine(generation_id))
    return generation


def _pay(*, user_id: UserId, generation_id: UUID, facts: selectors.ModelFacts, now: datetime) -> _Payment:
    model, day = facts.model, quota.local_day(now)
    free_per_day = facts.policy.free_per_day if model.is_in_free_allowance else 0
    if quota.take_free_use(user_id=user_id, day=day, free_per_day=free_per_day):
        return _Payment(PaidBy.FREE, free_day=day)
    account = ledger.user_account(user_id, QUOTA)
    try:
        hold = ledger.reserve(
            account=account,
            amount=model.price_milli,
            kind="chat",
            cause=ledger.Cause("chat.generation", str(generation_id)),
            deadline_at=now + _HOLD_FOR,
            now=now,
        )
    except ledger.InsufficientFunds:
        available = ledger.balance(account=account).available
        raise errors.QuotaExhausted(price_milli=model.price_milli, available_milli=available) from None
    return _Payment(PaidBy.QUOTA, hold_id=hold.id)


def _move_head(conversation: Conversation, answer: Message, *, max_running: int, now: datetime, title: str) -> None:
    """Point the conversation at the new answer, if nobody else did so meanwhile and not too many answers run."""
    running = _running_of(UserId(answer.user_id))
    count = running.order_by().values("user_id").annotate(n=Count("pk")).values("n")
    changes: dict[str, Any] = {"head": answer, "updated_at": now, "archived_at": None}
    if title and not conversation.title:
        changes["title"] = title
    same_head = Conversation.objects.filter(pk=conversation.pk, deleted_at=None, head=conversation.head_id)
    idle = ~Q(pk__in=running.filter(message__conversation=conversation).values("message__conversation"))
    free = same_head.annotate(running=Coalesce(Subquery(count, output_field=IntegerField()), Value(0)))
    if not free.filter(idle, running__lt=max_running).update(**changes):
        if running.count() >= max_running:
            raise errors.TooManyRunning(limit=max_running, retry_after=5)
        raise errors.ConversationBusy


def _running_of(user_id: UserId) -> QuerySet[Generation]:
    return Generation.objects.filter(user_id=user_id, state__in=UNSETTLED)


def _repeat(question: Message) -> Asked:
    """What the first act with this client_id answered. Raises ClientIdReused."""
    first = Message.objects.get(user_id=question.user_id, client_id=question.client_id)
    is_same = first.role == Role.USER and first.conversation_id == question.conversation_id
    if not is_same or first.text != question.text:
        raise errors.ClientIdReused
    generations = Generation.objects.select_related("message", "model")
    return _asked(first, generations.filter(message__parent=first).order_by("pk")[0])


def _repeat_of_answer(answer: Message) -> Asked:
    first = Message.objects.select_related("parent").get(user_id=answer.user_id, client_id=answer.client_id)
    if first.role != Role.ASSISTANT or first.parent is None or first.parent_id != answer.parent_id:
        raise errors.ClientIdReused
    return _asked(first.parent, Generation.objects.select_related("message", "model").get(message=first))


def _asked(question: Message, generation: Generation) -> Asked:
    detail = selectors.generation_detail(generation)
    answer = generation.message
    return Asked(
        message=MessageDetail(
            id=question.id,
            parent_id=question.parent_id,
            role=Role.USER,
            text=question.text,
            created_at=question.created_at,
        ),
        answer=MessageDetail(
            id=answer.id,
            parent_id=answer.parent_id,
            role=Role.ASSISTANT,
            text=answer.text,
            created_at=answer.created_at,
            generation=detail,
        ),
        generation=detail,
    )
