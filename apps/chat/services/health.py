"""How channels do: written when something fails or recovers, never otherwise, and read with the routes."""

import logging
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db.models import F

from apps.chat import rules
from apps.chat.contracts import BreakerState, Target
from apps.chat.models import Channel, ChannelHealth
from apps.chat.rules import Health, breaker
from apps.chat.services import routing
from apps.kernel.db import insert_once

logger = logging.getLogger(__name__)

# Each try fails only because another engine wrote something: of so many, one goes through.
_TRIES = 50


def begin_probe(*, channel: str, generation_id: UUID, now: datetime) -> bool:
    """Whether this generation may ask a channel that was left alone: of all that want to try it at once, one may.

    All may once somebody else has found it well.
    """
    # By its key: a condition behind a join is not looked at again by who waited for another's change.
    health = ChannelHealth.objects.filter(pk=_id_of(channel))
    # Half open beyond its time: the engine of that probe is gone.
    is_over = routing.is_over("retry_at", now=now, longest=breaker.LONGEST_PAUSE)
    due = health.filter(is_over, state__in=(BreakerState.OPEN, BreakerState.HALF_OPEN))
    is_ours = due.update(
        state=BreakerState.HALF_OPEN,
        retry_at=now + breaker.PROBE,
        probe_of=generation_id,
        version=F("version") + 1,
    )
    return bool(is_ours) or health.filter(state=BreakerState.CLOSED).exists()


def has_failed(*, target: Target, generation_id: UUID, code: str, now: datetime) -> None:
    """The channel failed, not the question or the key: after several times in a row it is left alone for a while."""

    def next_of(row: ChannelHealth) -> Health:
        return rules.after_failure(row.facts, now=now, is_probe=row.probe_of == generation_id)

    insert_once(ChannelHealth(channel_id=_id_of(target.channel)), unless_same=("channel_id",))
    before, after = _change(target.channel, next_of, code=code)
    if after.state is BreakerState.OPEN and before.state is not BreakerState.OPEN:
        logger.error("channel %s is left alone until %s: %s", target.channel, after.retry_at, code)


def has_begun(*, target: Target, generation_id: UUID) -> None:
    """The first word of a probe: the channel is asked as usual again."""
    before, after = _change(
        target.channel, lambda row: rules.after_first_word(row.facts, is_probe=row.probe_of == generation_id)
    )
    if after.state is not before.state:
        logger.warning("channel %s answers again", target.channel)


def has_answered(*, target: Target, generation_id: UUID) -> None:
    """A channel that ailed gave what an answer it could: its failures are forgotten."""
    _change(
        target.channel,
        lambda row: rules.after_answer(rules.after_first_word(row.facts, is_probe=row.probe_of == generation_id)),
    )


def has_shown_nothing(*, target: Target, generation_id: UUID, now: datetime) -> None:
    """Nobody waited for what the channel would say: if it was a probe, the next may begin."""
    _change(
        target.channel,
        lambda row: rules.after_nothing(row.facts, now=now, is_probe=row.probe_of == generation_id),
    )


def end_probe_of(*, generation_id: UUID, now: datetime) -> None:
    """The engine of a probe is gone, whoever's it was: the next may begin."""
    probes = ChannelHealth.objects.filter(state=BreakerState.HALF_OPEN, probe_of=generation_id)
    if probes.update(state=BreakerState.OPEN, retry_at=now, probe_of=None, version=F("version") + 1):
        routing.forget()


def _id_of(channel: str) -> UUID:
    return Channel.objects.values_list("pk", flat=True).get(code=channel)


def _change(channel: str, next_of: Callable[[ChannelHealth], Health], *, code: str = "") -> tuple[Health, Health]:
    """Bring the health to what follows from it: over what was read alone. What it was, and is."""
    for _ in range(_TRIES):
        row = ChannelHealth.objects.filter(channel__code=channel).first()
        if row is None:
            return Health(), Health()
        before, after = row.facts, next_of(row)
        if after == before:
            return before, after
        same = ChannelHealth.objects.filter(pk=row.pk, version=row.version)
        if same.update(
            state=after.state,
            failures=after.failures,
            openings=after.openings,
            failed_at=after.failed_at,
            retry_at=after.retry_at,
            code=code or row.code,
            probe_of=row.probe_of if after.state is BreakerState.HALF_OPEN else None,
            version=row.version + 1,
        ):
            routing.forget()
            return before, after
    logger.error("channel %s: its health could not be written", channel)
    return before, before
