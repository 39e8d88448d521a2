"""What came of asking a channel: a row for each attempt, and what it means for the key."""

from datetime import datetime

from apps.chat.engine.attempt_notes import AttemptNote, Blame
from apps.chat.models import Attempt
from apps.chat.services.channels import rest_key
from apps.kernel.db import insert_once


def record_attempt(*, attempt: AttemptNote, now: datetime) -> None:
    """Keep an attempt, once, and heed what it tells of its key."""
    insert_once(row_of(attempt, now=now), unless_same=("generation_id", "number"))
    heed(attempt=attempt, now=now)


def heed(*, attempt: AttemptNote, now: datetime) -> None:
    """Let the key sleep that its provider refused."""
    if attempt.blame is Blame.KEY:
        rest_key(key_id=attempt.target.key_id, reason=attempt.code, now=now)


def row_of(attempt: AttemptNote, *, now: datetime) -> Attempt:
    """The row of an attempt."""
    return Attempt(
        generation_id=attempt.generation_id,
        number=attempt.number,
        route_id=attempt.target.route_id,
        key_id=attempt.target.key_id,
        phase=attempt.phase.value,
        code=attempt.code,
        first_word_ms=attempt.first_word_ms,
        total_ms=attempt.total_ms,
        created_at=now,
    )
