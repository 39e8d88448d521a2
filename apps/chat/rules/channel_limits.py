"""What operators may set for a channel, and what may not be set."""

from collections.abc import Mapping

from apps.chat import errors
from apps.chat.rules import limits

CHANNEL_LIMITS = ("max_running", "connect_ms", "first_word_ms", "silence_ms", "total_ms")
_BOUNDS_MS = (100, 600_000)
_BOUNDS = {"max_running": (1, 240)}


def channel_limits(given: Mapping[str, int]) -> dict[str, int]:
    """All limits of a channel: those that are given, and the usual ones. Raises ConfigurationNotValid."""
    wanted = {name: given.get(name, getattr(limits, name.upper())) for name in CHANNEL_LIMITS}
    for name, value in wanted.items():
        least, most = _BOUNDS.get(name, _BOUNDS_MS)
        if not least <= value <= most:
            raise errors.ConfigurationNotValid(field=name)
    return wanted
