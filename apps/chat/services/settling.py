"""Settling: the one place where a generation ends, together with its text and its payment."""

import logging
from dataclasses import fields, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet

from apps.accounts import services as accounts
from apps.chat import rules, selectors
from apps.chat.contracts import GenerationDetail, GenerationState, Outcome, TextDirection, Usage, UsageBasis
from apps.chat.engine import feed
from apps.chat.models import (
    FOR_PROGRAMS,
    UNSETTLED,
    AnswerUsage,
    AnswerVectors,
    Attempt,
    Conversation,
    FreeUse,
    Generation,
)
from apps.chat.rules import charging, limits, tool_use
from apps.chat.rules.embeddings import NUMBER_BYTES
from apps.chat.rules.images import MOST_TOKENS_PER_IMAGE
from apps.chat.services import health
from apps.chat.services.costs import cost_of
from apps.chat.services.free_allowance import count_unpaid, local_day
from apps.chat.services.pictures import has_room_for, keep_made, take_back
from apps.chat.services.word_lists import record_found
from apps.kernel.db import CompiledUpdate, Given, insert
from apps.kernel.ids import UserId
from apps.ledger import services as ledger

logger = logging.getLogger(__name__)

# No lease lies further ahead, whatever the clocks of several hosts say: its engine's clock was ahead, and is gone.
LEASE_BOUND = timedelta(minutes=5)


def settle(
    *, row: Generation, guard: Q | UUID, outcome: Outcome, now: datetime, attempt: Attempt | None = None
) -> bool:
    """End a generation once: state, text, charge or refund, in one transaction; False when `guard` no longer holds.

    The guard names what the caller relies on (its lease by the token, an expired lease), so that an engine and a
    sweeper can both try and only one succeeds.
    """
    drawn = outcome.pictures
    outcome = _with_room(row, outcome)
    is_delivered = rules.is_delivered(
        text=outcome.text,
        reasoning=outcome.reasoning,
        has_beside=bool(outcome.calls or outcome.outputs or outcome.pictures),
        error_code=outcome.error_code,
    )
    usage = _usage(row, outcome)
    extra = charging.on_top(row.price.extras, thinks=row.thinks, searches=row.searches)
    cost = charging.cost(
        row.terms,
        extra_milli=extra,
        usage=usage,
        is_delivered=is_delivered,
        is_whole=rules.is_whole(state=outcome.state, finish_reason=outcome.finish_reason),
    )
    charged = min(cost, row.held_milli)
    is_unpaid = rules.is_unpaid(outcome=outcome, is_delivered=is_delivered) and not _is_own(row)
    day = local_day(row.created_at)
    with transaction.atomic():
        changes = {
            "charged_milli": charged,
            "is_delivered": is_delivered,
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "finish_reason": outcome.finish_reason[:40],
            "error_code": outcome.error_code,
            "unpaid_day": day if is_unpaid else None,
            "settled_at": now,
            "text": outcome.text,
            "reasoning": outcome.reasoning,
        }
        if isinstance(guard, UUID):
            changed = tuple(name for name, value in changes.items() if value is not None)
            won = _ended(outcome.state, changed).run(generation_id=row.pk, lease_token=guard, **changes)
        else:
            unsettled = Generation.objects.filter(guard, pk=row.pk, state__in=rules.sources_of(outcome.state))
            won = unsettled.update(state=outcome.state, lease_until=None, **changes)
        if not won:
            return False
        if rare := _rare(outcome, is_delivered=is_delivered):
            # Few answers have any: theirs is a statement of its own.
            Generation.objects.filter(pk=row.pk).update(**rare)
        if outcome.outputs:
            insert([_vectors_row(row, outcome, now=now)])
        if is_delivered:
            keep_made(row=row, stored=outcome.pictures, now=now)
        if attempt is not None:
            insert([attempt])
        if is_unpaid:
            # Before the payment: asking locks this row and then the account, and so must settling.
            count_unpaid(person_id=accounts.person_of(user_id=UserId(row.user_id)), day=day)
        extra = extra if is_delivered else 0
        insert([_usage_row(row, outcome, usage, charged=charged, cost=cost, extra=extra, now=now)])
        _resolve_payment(row, charged=charged, is_delivered=is_delivered, now=now)
        for direction, found in (
            (TextDirection.QUESTION, outcome.found_in_question),
            (TextDirection.ANSWER, outcome.found),
        ):
            record_found(found=found, direction=direction, user_id=UserId(row.user_id), generation_id=row.pk, now=now)
        transaction.on_commit(lambda: feed.announce_end(row.pk))
        if drawn and not outcome.pictures:
            # There was no room: nobody ever sees them.
            transaction.on_commit(lambda: take_back(drawn))
    return True


def _with_room(row: Generation, outcome: Outcome) -> Outcome:
    """The outcome; where its member has no room for what was drawn, that nothing was, which costs nothing.

    Room was seen to when it was asked, and what was asked since counts on it: this is for what is larger than most.
    """
    if not outcome.pictures or has_room_for(user_id=UserId(row.user_id), stored=outcome.pictures):
        return outcome
    return replace(outcome, state=GenerationState.FAILED, pictures=(), error_code=rules.PICTURES_FULL)


def _rare(outcome: Outcome, *, is_delivered: bool) -> dict[str, Any]:
    """What few answers have: tools that they call, how likely their tokens were, what a provider would not take."""
    rare: dict[str, Any] = {}
    if outcome.calls:
        rare["tool_calls"] = tool_use.calls_as_kept(outcome.calls)
    if outcome.logprobs and is_delivered:
        rare["logprobs"] = list(outcome.logprobs)
    if outcome.error_param:
        rare["error_param"] = outcome.error_param
    return rare


def _usage(row: Generation, outcome: Outcome) -> Usage:
    """What it took. One of which nothing is known and nothing was kept took nothing that anybody could count."""
    kept = outcome.exact_kept
    if kept is None:
        kept = rules.estimate_tokens(outcome.text) + rules.estimate_tokens(outcome.reasoning)
        kept += sum(map(rules.call_tokens, outcome.calls))
    was_taken = outcome.was_taken or kept > 0
    asked = outcome.asked_tokens or row.asked_tokens
    usage = rules.counted(
        outcome.reported,
        asked_tokens=asked if was_taken else 0,
        kept_tokens=kept,
        max_output_tokens=max(row.max_output_tokens, row.images * MOST_TOKENS_PER_IMAGE),
        exact_input=outcome.exact_input if was_taken else None,
    )
    return replace(usage, vectors=len(outcome.outputs), images=len(outcome.pictures))


def _vectors_row(row: Generation, outcome: Outcome, *, now: datetime) -> AnswerVectors:
    return AnswerVectors(
        generation_id=row.pk,
        dimensions=len(outcome.outputs[0]) // NUMBER_BYTES,
        data=b"".join(outcome.outputs),
        created_at=now,
    )


def _usage_row(
    row: Generation, outcome: Outcome, usage: Usage, *, charged: int, cost: int, extra: int, now: datetime
) -> AnswerUsage:
    """What it took, for good. What cannot be told later is logged now: counts that nobody believes, a cost not paid."""
    absorbed = cost - charged if row.hold_id is not None else 0
    if usage.basis is UsageBasis.DOUBTED or absorbed:
        logger.warning(
            "generation %s: %s, %d milli-credits beyond its hold; its provider says %s",
            row.pk, usage.basis.value, absorbed, outcome.reported,
        )  # fmt: skip
    of_route = None if _is_own(row) else cost_of(outcome.route_id)
    return AnswerUsage(
        generation_id=row.pk,
        created_at=now,
        model_id=row.model_id,
        route_id=outcome.route_id,
        price_id=row.price_id,
        **{field.name: getattr(usage, field.name) for field in fields(Usage)},
        charged_milli=charged,
        extra_milli=extra,
        absorbed_milli=absorbed,
        cost=of_route,
        cost_microyuan=None if of_route is None else charging.upstream_cost(of_route.terms, usage=usage),
        first_output_ms=outcome.first_output_ms,
        latency_ms=outcome.latency_ms,
    )


def _is_own(row: Generation) -> bool:
    """Whether its owner's key asked: it costs us nothing."""
    return row.own_key_id is not None


@cache
def _ended(state: GenerationState, changed: tuple[str, ...]) -> CompiledUpdate:
    """The end that an engine gives an answer whose lease it holds: what is not changed is empty before, and stays."""
    changes = {name: Given(name) for name in changed}
    return CompiledUpdate(lambda: _held(rules.sources_of(state)), state=state, lease_until=None, **changes)


def _held(states: tuple[GenerationState, ...]) -> QuerySet[Generation]:
    return Generation.objects.filter(pk=Given("generation_id"), lease_token=Given("lease_token"), state__in=states)


def keep_what_was_shown(*, generation_id: UUID, lease_token: UUID, text: str) -> None:
    """Add what readers saw to an answer that a sweeper settled from older text, because its engine could not save.

    Only the engine whose lease it was may, and only while the text is still there: an erased one stays erased.
    """
    rows = Generation.objects.select_related("message").defer(*FOR_PROGRAMS)
    row = rows.filter(pk=generation_id, lease_token=lease_token, error_code=rules.ENGINE_LOST).first()
    if row is None or len(text) <= len(row.text) or not text.startswith(row.text):
        return
    same = Generation.objects.filter(pk=row.pk, text=row.text)
    with transaction.atomic():
        if row.message is None:
            # Erased together with its request, in the same row.
            same.filter(request__isnull=False).update(text=text)
            return
        # The lock under which texts are erased.
        kept = Conversation.objects.select_for_update(of=("self",), no_key=True).filter(deleted_at=None)
        if kept.filter(pk=row.message.conversation_id).exists():
            same.update(text=text)


def stop_generation(*, user_id: UserId, generation_id: UUID, now: datetime) -> GenerationDetail:
    """Ask for an answer to end here; its text so far is kept. Stopping a settled one changes nothing.

    One that waits in the queue ends at once; a running one when its engine hears of it, within about a
    second. Raises GenerationNotFound.
    """
    row = selectors.generation_of(user_id=user_id, generation_id=generation_id)
    stopped = Outcome(state=GenerationState.STOPPED, text="")
    if not settle(row=row, guard=Q(state=GenerationState.QUEUED), outcome=stopped, now=now):
        running = Generation.objects.filter(pk=row.pk, state=GenerationState.RUNNING, stop_requested_at=None)
        if running.update(stop_requested_at=now):
            transaction.on_commit(lambda: feed.announce_stop(row.pk))
    return selectors.generation_detail(selectors.generation_of(user_id=user_id, generation_id=generation_id))


def stop_answers_of_key(*, user_id: UserId, key_id: UUID, now: datetime) -> None:
    """Stop every answer of a member's that was begun with this API key; twice does no more."""
    begun = Generation.objects.filter(user_id=user_id, api_key_id=key_id, state__in=UNSETTLED)
    for generation_id in begun.order_by("pk").values_list("pk", flat=True):
        stop_generation(user_id=user_id, generation_id=generation_id, now=now)


def settle_abandoned(*, now: datetime, limit: int = 100) -> int:
    """Settle generations whose engine is gone, from their saved text, and those that no engine took up.

    Returns how many. May run anywhere at any time, also beside a living engine.
    """
    waited_too_long = Q(state=GenerationState.QUEUED, created_at__lt=now - limits.QUEUE_LIMIT)
    over = Q(lease_until__lt=now) | Q(lease_until__gt=now + LEASE_BOUND)
    lease_ran_out = Q(over, state=GenerationState.RUNNING)
    rows = Generation.objects.filter(waited_too_long | lease_ran_out).select_related("price").defer(*FOR_PROGRAMS)
    return sum(_settle_abandoned(row, now=now) for row in rows.order_by("pk")[:limit])


def _settle_abandoned(row: Generation, *, now: datetime) -> bool:
    # A save renews the lease: with the same lease as we read, the text is the one that we read.
    guard = Q(state=row.state, lease_until=row.lease_until)
    if row.state == GenerationState.QUEUED:
        outcome = Outcome(state=GenerationState.FAILED, text="", error_code="nobody_answered")
    else:
        outcome = Outcome(
            state=rules.abandoned_state(is_stop_requested=row.stop_requested_at is not None),
            text=row.text,
            error_code=rules.ENGINE_LOST,
            route_id=row.route_id,
            # Without a word nobody can tell whether the channel had taken the question.
            was_taken=bool(row.text),
        )
    with transaction.atomic():
        is_settled = settle(row=row, guard=guard, outcome=outcome, now=now)
        if is_settled:
            health.end_probe_of(generation_id=row.pk, now=now)
    return is_settled


def _resolve_payment(row: Generation, *, charged: int, is_delivered: bool, now: datetime) -> None:
    if row.hold_id is not None:
        ledger.post(hold_id=row.hold_id, amount=charged, sink="revenue", now=now)
        if row.api_key_id is not None and charged < row.held_milli:
            accounts.give_back_to_key(key_id=row.api_key_id, amount_milli=row.held_milli - charged)
    elif row.free_day is not None and not is_delivered:
        person_id = accounts.person_of(user_id=UserId(row.user_id))
        uses = FreeUse.objects.filter(person_id=person_id, day=row.free_day, used__gt=0)
        uses.update(used=F("used") - 1)
