"""Settling: the one place where a generation ends, together with its text and its payment."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from apps.accounts import services as accounts
from apps.chat import rules, selectors
from apps.chat.contracts import QUOTA, GenerationDetail, GenerationState, Outcome, PaidBy
from apps.chat.engine import feed
from apps.chat.models import FreeUse, Generation, Message
from apps.kernel.ids import UserId
from apps.ledger import services as ledger

# Nobody waits longer for an engine to take up a question.
QUEUE_LIMIT = timedelta(minutes=2)


def settle(*, row: Generation, guard: Q, outcome: Outcome, now: datetime) -> bool:
    """End a generation once: state, text, charge or refund, in one transaction; False when `guard` no longer holds.

    The guard names what the caller relies on (a lease token, an expired lease), so that an engine and a
    sweeper can both try and only one succeeds.
    """
    is_delivered = bool(outcome.text.strip())
    paid_by = PaidBy(row.paid_by)
    charged = rules.charge_for(price_milli=row.price_milli, paid_by=paid_by, is_delivered=is_delivered)
    with transaction.atomic():
        unsettled = Generation.objects.filter(guard, pk=row.pk, state__in=rules.sources_of(outcome.state))
        won = unsettled.update(
            state=outcome.state,
            charged_milli=charged,
            is_delivered=is_delivered,
            prompt_tokens=outcome.prompt_tokens,
            completion_tokens=outcome.completion_tokens,
            finish_reason=outcome.finish_reason[:40],
            error_code=outcome.error_code,
            lease_until=None,
            settled_at=now,
        )
        if not won:
            return False
        Message.objects.filter(pk=row.message_id).update(text=outcome.text)
        _resolve_payment(row, charged=charged, is_delivered=is_delivered, now=now)
        transaction.on_commit(lambda: feed.announce_end(row.pk))
    return True


def stop(*, user_id: UserId, generation_id: UUID, now: datetime) -> GenerationDetail:
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


def settle_abandoned(*, now: datetime, limit: int = 100) -> int:
    """Settle generations whose engine is gone, from their saved text, and those that no engine took up.

    Returns how many. May run anywhere at any time, also beside a living engine.
    """
    waited_too_long = Q(state=GenerationState.QUEUED, created_at__lt=now - QUEUE_LIMIT)
    lease_ran_out = Q(state=GenerationState.RUNNING, lease_until__lt=now)
    rows = Generation.objects.filter(waited_too_long | lease_ran_out).select_related("message").order_by("pk")
    return sum(_settle_abandoned(row, now=now) for row in rows[:limit])


def _settle_abandoned(row: Generation, *, now: datetime) -> bool:
    # A save renews the lease: with the same lease as we read, the text is the one that we read.
    guard = Q(state=row.state, lease_until=row.lease_until)
    if row.state == GenerationState.QUEUED:
        outcome = Outcome(state=GenerationState.FAILED, text="", error_code="nobody_answered")
    else:
        outcome = Outcome(
            state=rules.abandoned_state(is_stop_requested=row.stop_requested_at is not None),
            text=row.message.text,
            error_code="" if row.stop_requested_at else "engine_lost",
            completion_tokens=rules.estimate_tokens(row.message.text),
        )
    return settle(row=row, guard=guard, outcome=outcome, now=now)


def _resolve_payment(row: Generation, *, charged: int, is_delivered: bool, now: datetime) -> None:
    if row.hold_id is not None:
        revenue = ledger.system_account("revenue", QUOTA)
        ledger.post(hold_id=row.hold_id, amount=charged, credit=revenue, now=now)
        if row.api_key_id is not None and charged < row.price_milli:
            accounts.give_back_to_key(key_id=row.api_key_id, amount_milli=row.price_milli - charged)
    elif row.free_day is not None and not is_delivered:
        uses = FreeUse.objects.filter(user_id=row.user_id, day=row.free_day, used__gt=0)
        uses.update(used=F("used") - 1)
