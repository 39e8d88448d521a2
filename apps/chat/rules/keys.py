"""Keys of channels: what is shown of them, and how long one sleeps that its provider refuses."""

from datetime import timedelta

# The key that is entered with its channel.
FIRST_KEY = "main"
# A key that is refused, or whose account is empty, is tried again after this time: somebody may have paid.
KEY_SLEEP = timedelta(hours=1)

_HINT_CHARS = 4
# Of a shorter key, its end would be a good part of it.
_HINTED_FROM = 16


def is_header_value(api_key: str) -> bool:
    """Whether a key can be sent at all: visible ASCII."""
    return bool(api_key) and api_key.isascii() and api_key.isprintable() and " " not in api_key


def hint_of(api_key: str) -> str:
    """The end of a key, by which people tell it from others; nothing of a short one."""
    return api_key[-_HINT_CHARS:] if len(api_key) >= _HINTED_FROM else ""
