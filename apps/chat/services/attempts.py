"""What came of asking a channel: a row for each attempt, and what it means for the key and the channel."""

from datetime import datetime, timedelta
from typing import Any

from apps.chat import rules
from apps.chat.engine.attempt_notes import AttemptNote, Blame
from apps.chat.models import Attempt
from apps.chat.services import health, routing
from apps.chat.services.channels import rest_key
from apps.kernel.db import insert_once

# Nobody who says "later" is believed for longer, in seconds.
_MOST_BUSY = 60.0
# Ends that say nothing of the channel.
_SHOW_NOTHING = {"stopped", rules.ENGINE_LOST, rules.INTERNAL}


def record_attempt(*, attempt: AttemptNote, now: datetime) -> None:
    """Keep an attempt, once, and heed what it tells of its key and channel."""
    insert_once(row_of(attempt, now=now), unless_same=("generation_id", "number"))
    heed(attempt=attempt, now=now)


def heed(*, attempt: AttemptNote, now: datetime) -> None:
    """Let the key sleep that its provider refused; count what failed for the channel, and what shows it well.

    A member's own key shows nothing of either.
    """
    if attempt.target.is_own:
        return
    who: dict[str, Any] = {"target": attempt.target, "generation_id": attempt.generation_id}
    if attempt.blame is Blame.KEY:
        rest_key(key_id=attempt.target.key_id, reason=attempt.code, now=now)
    if attempt.blame is Blame.CALL and attempt.retry_seconds:
        routing.ask_last(target=attempt.target, until=now + timedelta(seconds=min(attempt.retry_seconds, _MOST_BUSY)))
    if attempt.blame is Blame.CHANNEL:
        health.has_failed(**who, code=attempt.code, now=now)
    elif attempt.target.is_ailing:
        if attempt.blame is None and attempt.code in _SHOW_NOTHING:
            health.has_shown_nothing(**who, now=now)
        else:
            # Whoever refuses a question or a key is there.
            health.has_answered(**who)


def row_of(attempt: AttemptNote, *, now: datetime) -> Attempt:
    """The row of an attempt."""
    return Attempt(
        generation_id=attempt.generation_id,
        number=attempt.number,
        route_id=attempt.target.route_id,
        key_id=None if attempt.target.is_own else attempt.target.key_id,
        phase=attempt.phase.value,
        code=attempt.code,
        first_word_ms=attempt.first_word_ms,
        total_ms=attempt.total_ms,
        created_at=now,
    )
