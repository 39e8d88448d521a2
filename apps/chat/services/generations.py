"""The verbs of the engine: claim jobs, keep what is written, finish; and what readers of an answer see."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.chat import rules, selectors
from apps.chat.contracts import (
    OWN_KEYS,
    QUOTA,
    AnswerView,
    GenerationState,
    Job,
    ModelKind,
    Outcome,
    PerTokens,
    Progress,
    Target,
    Turn,
)
from apps.chat.engine.attempt_notes import AttemptNote
from apps.chat.models import FOR_PROGRAMS, Generation, OwnKey
from apps.chat.rules.embeddings import turns_of_inputs
from apps.chat.rules.own_keys import KEY_GONE, of_own_key
from apps.chat.services import attempts, routing
from apps.chat.services.settling import keep_what_was_shown, settle
from apps.kernel.db import CompiledRead, CompiledUpdate, Given, given_ids, numbered
from apps.kernel.ids import UserId
from apps.ledger import services as ledger

logger = logging.getLogger(__name__)

# Renewed with every save, at least each five seconds: three misses and the sweeper takes over.
LEASE = timedelta(seconds=15)

# A queued generation, and where it can be asked.
_Queued = tuple[Generation, tuple[Target, ...]]

_TO_SETTLE = CompiledRead(
    lambda: Generation.objects.select_related("price").defer(*FOR_PROGRAMS).filter(pk=Given("generation_id"))
)


def claim_jobs(
    *, limit: int, now: datetime, per_channel: int | None = None, running: Mapping[str, int] | None = None
) -> list[Job]:
    """Take up to `limit` queued generations, the oldest first, each under a new lease token.

    No more of one channel than it may run, nor than `per_channel`, counting those that run already (by channel code).
    One that no channel can be asked for is settled as failed, without a charge, and left out. One that the database
    refuses is left out too and stays queued: the others, once claimed, are nobody's but this caller's.
    """
    taken = Counter(running)

    def has_room(target: Target) -> bool:
        most = target.max_running if per_channel is None else min(target.max_running, per_channel)
        return taken[target.channel] < most

    waiting = routing.full_models(has_room=has_room) if running else []
    own_wait = per_channel is not None and taken[OWN_KEYS] >= per_channel
    is_usual = not (waiting or own_wait)
    oldest = _compiled_oldest(limit).all() if is_usual else _oldest(limit, waiting=waiting, own_wait=own_wait)
    at_own_keys = selectors.targets_of_own_keys(oldest)
    rows = []
    for row in oldest:
        targets = _where(row, at_own_keys, now=now, has_room=has_room)
        if targets:
            taken[targets[0].channel] += 1
        elif _where(row, at_own_keys, now=now):
            continue  # it waits for a place
        rows.append((row, targets))
    if not rows:
        return []
    try:
        return _claim(rows, now=now)
    except DatabaseError:
        # Which of them it was, nobody says: each by itself.
        return [job for row in rows for job in _try_to_claim(row, now=now)]


def keep_text(
    *, generation_id: UUID, lease_token: UUID, text: str | None, now: datetime, route_id: UUID | None = None
) -> bool:
    """Renew the lease and save the text so far, if it is given, and where it comes from.

    False when the lease was lost: nothing is written.
    """
    held = Generation.objects.filter(pk=generation_id, state=GenerationState.RUNNING, lease_token=lease_token)
    saved = {} if text is None else {"text": text, "route_id": route_id}
    return bool(held.update(lease_until=now + LEASE, **saved))


def finish_run(
    *,
    generation_id: UUID,
    lease_token: UUID,
    outcome: Outcome,
    now: datetime,
    attempt: AttemptNote | None = None,
) -> bool:
    """Settle a job that its engine has ended; False when the lease was lost and somebody else settled it.

    `attempt` is the last one, whose answer it is.
    """
    row = _TO_SETTLE.one(generation_id=generation_id)
    if row is None:
        raise Generation.DoesNotExist
    last = None if attempt is None else attempts.row_of(attempt, now=now)
    if row.own_key_id is not None:
        outcome = replace(outcome, error_code=of_own_key(outcome.error_code))
    is_settled = settle(row=row, guard=lease_token, outcome=outcome, attempt=last, now=now)
    if not is_settled:
        keep_what_was_shown(generation_id=generation_id, lease_token=lease_token, text=outcome.text)
    if attempt is not None:
        (attempts.heed if is_settled else attempts.record_attempt)(attempt=attempt, now=now)
    return is_settled


def find_stop_requests(*, generation_ids: Collection[UUID]) -> set[UUID]:
    """Those of the given generations that their owners want stopped, or whose own key is gone."""
    is_gone = Q(own_key_id__isnull=False) & ~Exists(OwnKey.objects.filter(pk=OuterRef("own_key_id")))
    wanted = Generation.objects.filter(Q(stop_requested_at__isnull=False) | is_gone, pk__in=generation_ids)
    return set(wanted.values_list("pk", flat=True))


def read_answer(*, user_id: UserId, generation_id: UUID, with_balance: bool = True) -> AnswerView:
    """How an answer stands; once it is settled, with the balance that it left. Raises GenerationNotFound."""
    view = selectors.answer_of(user_id=user_id, generation_id=generation_id)
    if not (with_balance and view.generation.is_settled):
        return view
    return replace(view, balance_milli=ledger.balance(account=ledger.user_account(user_id, QUOTA)).total)


def read_progress(*, generation_ids: Collection[UUID]) -> dict[UUID, Progress]:
    """How far these answers have come, in one statement, for those who may read them; unknown ones are left out."""
    rows = Generation.objects.filter(pk__in=generation_ids).values_list("pk", "state", "text")
    return {pk: Progress(state=GenerationState(state), text=text) for pk, state, text in rows}


def _where(
    row: Generation,
    at_own_keys: Mapping[UUID, tuple[Target, ...]],
    *,
    now: datetime,
    has_room: Callable[[Target], bool] = lambda target: True,
) -> tuple[Target, ...]:
    """Where a generation can be asked now: with its member's own key, or else at the channels of its model."""
    if row.own_key_id is not None:
        return tuple(filter(has_room, at_own_keys.get(row.pk, ())))
    asked: dict[str, Any] = {"model_id": row.model_id, "generation_id": row.pk, "searches": row.searches}
    return routing.targets_of(**asked, now=now, has_room=has_room)


def _oldest(limit: int, *, waiting: Collection[UUID] = (), own_wait: bool = False) -> QuerySet[Generation]:
    """Those whose models are not waiting; with own keys all, or none where these wait."""
    queued = Generation.objects.filter(state=GenerationState.QUEUED).exclude(model__in=waiting, own_key_id=None)
    if own_wait:
        queued = queued.filter(own_key_id=None)
    return queued.order_by("pk").select_related("message", "model", "price")[:limit]


@cache
def _compiled_oldest(limit: int) -> CompiledRead[Generation]:
    return CompiledRead(lambda: _oldest(limit))


@cache
def _claimed(number: int) -> CompiledUpdate:
    return CompiledUpdate(
        lambda: _queued_among(given_ids(number)),
        state=GenerationState.RUNNING,
        lease_token=Given("token"),
        lease_until=Given("lease_until"),
        started_at=Given("now"),
    )


def _queued_among(ids: Any) -> QuerySet[Generation]:
    return Generation.objects.filter(pk__in=ids, state=GenerationState.QUEUED)


def _try_to_claim(row: _Queued, *, now: datetime) -> list[Job]:
    try:
        return _claim([row], now=now)
    except DatabaseError:
        logger.exception("generation %s could not be claimed; it stays queued", row[0].pk)
        return []


def _claim(rows: Sequence[_Queued], *, now: datetime) -> list[Job]:
    """Take all of these that are still queued, in as many statements as for one."""
    token = uuid4()
    with transaction.atomic():
        ids = numbered(row.pk for row, _ in rows)
        won = _claimed(len(ids)).run(**ids, token=token, lease_until=now + LEASE, now=now)
        if won < len(rows):
            mine = Generation.objects.filter(pk__in=list(ids.values()), lease_token=token)
            own = set(mine.values_list("pk", flat=True)) if won else set()
            rows = [(row, targets) for row, targets in rows if row.pk in own]
        for row, targets in rows:
            if not targets:
                code = KEY_GONE if row.own_key_id is not None else "channel_unavailable"
                failed = Outcome(state=GenerationState.FAILED, text="", error_code=code)
                settle(row=row, guard=token, outcome=failed, now=now)
        usable = [(row, targets) for row, targets in rows if targets]
        turns = selectors.turns_above([row.message for row, _ in usable if row.message is not None])
        return [_job(row, token=token, targets=targets, turns=_turns_of(row, turns)) for row, targets in usable]


def _job(row: Generation, *, token: UUID, targets: tuple[Target, ...], turns: tuple[Turn, ...]) -> Job:
    is_by_token = isinstance(row.terms, PerTokens)
    tokenizer = rules.tokenizer_of(row.model.tokenizer, code=row.model.code)
    budget = None if row.message is None else row.asked_tokens or row.model.prompt_tokens
    kind = rules.kind_of(row.terms)
    if kind is not ModelKind.TEXT:
        # Of a branch the last question alone says what is wanted.
        turns, budget = turns[-1:], None
    if budget is not None:
        turns, budget = _fitted(turns, budget_tokens=budget, is_counted=tokenizer is not None)
    return Job(
        generation_id=row.pk,
        lease_token=token,
        user_id=UserId(row.user_id),
        targets=targets,
        max_output_tokens=row.max_output_tokens,
        turns=turns,
        kind=kind,
        is_all_new=row.message is None,
        options=row.options or rules.switch_options(thinks=row.thinks, searches=row.searches),
        most_output_tokens=rules.most_output(row.max_output_tokens) if is_by_token else None,
        tokenizer=tokenizer,
        budget_tokens=budget,
        is_paid_to_think=row.hold_id is not None and bool(row.thinks and row.price.think_milli),
        images=row.images,
        image_size=row.image_size,
        image_quality=row.image_quality,
    )


def _turns_of(row: Generation, above: Mapping[UUID, Sequence[Turn]]) -> tuple[Turn, ...]:
    """What may be asked: the request as it was sent, or the branch above the answer."""
    if row.message is None:
        is_of_inputs = rules.kind_of(row.terms) is ModelKind.EMBEDDING
        return turns_of_inputs(row.request) if is_of_inputs else rules.turns_of(row.request)
    turns = tuple(above[row.message.pk])
    return turns if row.model.has_vision else rules.unseen(turns)


def _fitted(turns: tuple[Turn, ...], *, budget_tokens: int, is_counted: bool) -> tuple[tuple[Turn, ...], int | None]:
    """As much of a branch as was counted for it, which fits the model; where nobody counted, what fits the model now.

    Where that is less than all by our estimate, and the model's tokens can be counted, what may fit, and the budget.
    """
    if is_counted and rules.asked_tokens(turns) > budget_tokens:
        most = rules.MOST_TIMES_TOO_HIGH * budget_tokens
        return rules.newest_turns(turns, budget_tokens=most), budget_tokens
    return rules.fit_history(turns, budget_tokens=budget_tokens), None
