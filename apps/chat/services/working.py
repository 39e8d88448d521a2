"""The verbs of the engine: claim jobs, keep what is written, finish; and what readers of an answer see."""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from cryptography.fernet import InvalidToken
from django.db import DatabaseError, transaction
from django.db.models import Q

from apps.chat import rules, selectors
from apps.chat.contracts import QUOTA, AnswerView, GenerationState, Job, Outcome, Role, Turn
from apps.chat.models import Generation, Message
from apps.chat.services import secrets
from apps.chat.services.settling import settle
from apps.kernel.ids import UserId
from apps.ledger import services as ledger

logger = logging.getLogger(__name__)

# Renewed with every save, at least each five seconds: three misses and the sweeper takes over.
LEASE = timedelta(seconds=15)

# How far up a branch the context reaches at most; the token budget usually ends it sooner.
_MAX_TURNS = 200


def claim(*, limit: int, now: datetime) -> list[Job]:
    """Take up to `limit` queued generations, the oldest first, each under a new lease token.

    One whose channel cannot be used is settled as failed, without a charge, and left out. One that the database
    refuses is left out too and stays queued: the others, once claimed, are nobody's but this caller's.
    """
    queued = Generation.objects.filter(state=GenerationState.QUEUED).order_by("pk")
    rows = queued.select_related("message", "model__channel")[:limit]
    claimed = [_try_to_claim(row, now=now) for row in rows]
    return [job for job in claimed if job is not None]


def keep(*, generation_id: UUID, lease_token: UUID, text: str, now: datetime) -> bool:
    """Save the text so far and renew the lease; False when the lease was lost, and then nothing is written."""
    with transaction.atomic():
        # The generation's row first: its lock keeps the sweeper out until the text is saved too.
        held = Generation.objects.filter(pk=generation_id, state=GenerationState.RUNNING, lease_token=lease_token)
        if not held.update(lease_until=now + LEASE):
            return False
        Message.objects.filter(generation=generation_id).exclude(text=text).update(text=text)
    return True


def finish(*, generation_id: UUID, lease_token: UUID, outcome: Outcome, now: datetime) -> bool:
    """Settle a job that its engine has ended; False when the lease was lost and somebody else settled it."""
    row = Generation.objects.get(pk=generation_id)
    guard = Q(state=GenerationState.RUNNING, lease_token=lease_token)
    return settle(row=row, guard=guard, outcome=outcome, now=now)


def stop_requests(*, generation_ids: Collection[UUID]) -> set[UUID]:
    """Those of the given generations that their owners want stopped."""
    wanted = Generation.objects.filter(pk__in=generation_ids, stop_requested_at__isnull=False)
    return set(wanted.values_list("pk", flat=True))


def follow(*, user_id: UserId, generation_id: UUID) -> AnswerView:
    """How an answer stands; once it is settled, with the balance that it left. Raises GenerationNotFound."""
    generation, text = selectors.answer_of(user_id=user_id, generation_id=generation_id)
    balance = None
    if generation.is_settled:
        balance = ledger.balance(account=ledger.user_account(user_id, QUOTA)).total
    return AnswerView(generation=generation, text=text, balance_milli=balance)


def _try_to_claim(row: Generation, *, now: datetime) -> Job | None:
    try:
        with transaction.atomic():
            return _claim(row, now=now)
    except DatabaseError:
        logger.exception("generation %s could not be claimed; it stays queued", row.pk)
        return None


def _claim(row: Generation, *, now: datetime) -> Job | None:
    token = uuid4()
    won = Generation.objects.filter(pk=row.pk, state=GenerationState.QUEUED).update(
        state=GenerationState.RUNNING, lease_token=token, lease_until=now + LEASE, started_at=now
    )
    if not won:
        return None
    channel = row.model.channel
    api_key = _key_of(channel.code, channel.api_key_sealed) if channel.is_enabled else None
    if api_key is None:
        failed = Outcome(state=GenerationState.FAILED, text="", error_code="channel_unavailable")
        settle(row=row, guard=Q(lease_token=token), outcome=failed, now=now)
        return None
    return Job(
        generation_id=row.pk,
        lease_token=token,
        base_url=channel.base_url,
        api_key=api_key,
        upstream_model=row.model.upstream_name,
        max_output_tokens=row.model.max_output_tokens,
        turns=_context_of(row),
    )


def _key_of(channel: str, sealed: str) -> str | None:
    try:
        return secrets.unseal(sealed)
    except InvalidToken:
        logger.error("channel %s: its key was sealed with another SECRET_KEY; enter it again", channel)
        return None


def _context_of(row: Generation) -> tuple[Turn, ...]:
    """The branch that ends in the question, as much of it as fits the model."""
    edges = Message.objects.filter(conversation_id=row.message.conversation_id).values_list("pk", "parent_id")
    parent_of = dict(edges)
    path: list[UUID] = []
    at = row.message.parent_id
    while at is not None and len(path) < _MAX_TURNS:
        path.append(at)
        at = parent_of[at]
    found = Message.objects.in_bulk(path)
    turns = [Turn(role=Role(found[pk].role), text=found[pk].text) for pk in reversed(path)]
    return rules.fit_history(turns, budget_tokens=row.model.context_tokens - row.model.max_output_tokens)
