"""What of the channels needs somebody now: for the home of the admin, and for Prometheus. Two statements."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from apps.chat.contracts import BreakerState
from apps.chat.engine.presence import running_by_channel
from apps.chat.models import Channel, ChannelHealth, ChannelKey
from apps.kernel import clock

ARREARS = "upstream_arrears"


@dataclass(frozen=True, kw_only=True)
class ChannelAlarms:
    """Channels that are left alone for their failures; keys that sleep, as "channel/key", by whether their account is
    empty; channels that are on and have no key to be asked with.
    """

    left_alone: tuple[str, ...]
    in_arrears: tuple[str, ...]
    refused: tuple[str, ...]
    without_key: tuple[str, ...]


def channel_alarms(*, now: datetime) -> ChannelAlarms:
    """What is wrong now; of channels and keys that are switched off nothing is said."""
    awake = Q(keys__is_enabled=True) & ~Q(keys__api_key_sealed="")
    awake &= Q(keys__sleeps_until=None) | Q(keys__sleeps_until__lte=now)
    channels = Channel.objects.filter(is_enabled=True).annotate(awake=Count("keys", filter=awake))
    rows = list(channels.select_related("health").order_by("code"))
    asleep = ChannelKey.objects.filter(is_enabled=True, channel__is_enabled=True, sleeps_until__gt=now)
    keys = [
        (f"{code}/{name}", reason == ARREARS)
        for code, name, reason in asleep.order_by("channel__code", "name").values_list(
            "channel__code", "name", "sleep_reason"
        )
    ]
    return ChannelAlarms(
        left_alone=tuple(row.code for row in rows if not row.is_forced and _is_left_alone(row)),
        in_arrears=tuple(key for key, is_empty in keys if is_empty),
        refused=tuple(key for key, is_empty in keys if not is_empty),
        without_key=tuple(row.code for row in rows if not row.awake),
    )


def channels_left_alone() -> dict[str, int]:
    """Of each channel that is on, whether it is left alone: 1, or 0."""
    alone = channel_alarms(now=clock.now()).left_alone
    codes = Channel.objects.filter(is_enabled=True).values_list("code", flat=True)
    return {code: int(code in alone) for code in codes}


def keys_asleep() -> dict[str, int]:
    """How many keys sleep, by the reason."""
    asleep = ChannelKey.objects.filter(is_enabled=True, channel__is_enabled=True, sleeps_until__gt=clock.now())
    return dict(Counter(asleep.values_list("sleep_reason", flat=True)))


def answers_running() -> Mapping[str, int] | None:
    """How many answers are being written, by channel, as the engines say; None where nobody can know."""
    return running_by_channel()


def _is_left_alone(channel: Channel) -> bool:
    health: ChannelHealth | None = getattr(channel, "health", None)
    return health is not None and health.state != BreakerState.CLOSED
