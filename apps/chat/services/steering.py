"""What operators do with a channel at hand: try it, force it on or off, wake its keys. Each is on the trail."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from apps.chat import errors, selectors
from apps.chat.contracts import BreakerState, Steering
from apps.chat.engine.trials import Trial, try_targets
from apps.chat.models import Channel, ChannelHealth, ChannelKey
from apps.chat.services.channels import save_as_it_is
from apps.chat.services.routing import forget
from apps.kernel import audit

_HEALTHY: dict[str, Any] = {
    "state": BreakerState.CLOSED,
    "failures": 0,
    "openings": 0,
    "retry_at": None,
    "probe_of": None,
    "code": "",
}


@dataclass(frozen=True, kw_only=True)
class KeyTried:
    """What came of asking with one of a channel's keys, for one of its models by its upstream name."""

    key: str
    upstream_model: str
    trial: Trial


def try_channel(
    *,
    channel_id: UUID,
    actor: str,
    reason: str,
    now: datetime,
    key_id: UUID | None = None,
    route_id: UUID | None = None,
) -> list[KeyTried]:
    """Ask a channel a tiny question with each of its keys, or with one; blocks for twelve seconds at most.

    It is asked as any question is, whatever its health, by this or its first route to a model of texts. Nobody
    pays, no generation is made, and nothing that comes of it changes the channel or a key: what it showed stands on the
    trail, without a word of the answer. Raises ChannelNotTried where there is no such model or no key, ReasonMissing.
    """
    audit.require_reason(reason)
    channel, targets = selectors.trial_targets(channel_id=channel_id, key_id=key_id, route_id=route_id)
    if not targets:
        raise errors.ChannelNotTried(channel=channel)
    trials = try_targets([target for _, target in targets])
    tried = [
        KeyTried(key=key, upstream_model=target.upstream_model, trial=trial)
        for (key, target), trial in zip(targets, trials, strict=True)
    ]
    with transaction.atomic():
        audit.record(
            actor=actor,
            action="chat.try_channel",
            target=("channel", channel),
            reason=reason,
            after={each.key: f"{each.trial.code or 'ok'}, {each.trial.total_ms} ms" for each in tried},
            now=now,
        )
    return tried


def steer_channel(*, channel_id: UUID, to: Steering, actor: str, reason: str, now: datetime) -> None:
    """Force a channel on, whatever its failures, or off; or leave it to its health again, its failures forgotten.

    Raises ReasonMissing.
    """
    audit.require_reason(reason)
    by: dict[str, Any] = {"actor": actor, "reason": reason, "now": now}
    with transaction.atomic():
        channel = Channel.objects.select_for_update(of=("self",), no_key=True).get(pk=channel_id)
        save_as_it_is(channel, is_enabled=to is not Steering.OFF, is_forced=to is Steering.ON, **by)
        ailing = ChannelHealth.objects.filter(channel=channel).exclude(state=BreakerState.CLOSED, failures=0)
        if to is Steering.AUTOMATIC and ailing.update(**_HEALTHY, version=F("version") + 1):
            audit.record(action="chat.forget_failures", target=("channel", channel.code), **by)
    forget()


def wake_key(*, key_id: UUID, actor: str, reason: str, now: datetime) -> None:
    """Let a key that sleeps be used again, at once; of one that is awake nothing is said. Raises ReasonMissing."""
    audit.require_reason(reason)
    asleep = ChannelKey.objects.filter(pk=key_id, sleeps_until__isnull=False)
    with transaction.atomic():
        if asleep.update(sleeps_until=None, sleep_reason=""):
            target = ("channelkey", str(key_id))
            audit.record(actor=actor, action="chat.wake_key", target=target, reason=reason, now=now)
    forget()
