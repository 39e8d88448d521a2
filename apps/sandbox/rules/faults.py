"""What can be switched to go wrong: the one list of faults.

A new fault is one line here, its Chinese in the texts, and one `faults.take(...)` where it strikes. A new area also
gets its box on the phone page's Faults screen. Payments go wrong as the phone says (services/phone.py), models by their
name (docs/sandbox.md).
"""

from dataclasses import dataclass
from enum import StrEnum


class Area(StrEnum):
    """Where faults strike; one message or call suffers at most one fault of its area."""

    CALLBACK = "callback"  # messages and events on their way to the site
    SCAN = "scan"  # login codes
    ACCOUNT_API = "account_api"  # the official account's answers to the site


@dataclass(frozen=True, kw_only=True)
class FaultKind:
    """One fault in plain language."""

    name: str
    area: Area
    title: str
    description: str


def _callback(name: str, title: str, description: str) -> FaultKind:
    return FaultKind(name=name, area=Area.CALLBACK, title=title, description=description)


def _api(name: str, title: str, description: str) -> FaultKind:
    return FaultKind(name=name, area=Area.ACCOUNT_API, title=title, description=description)


KINDS: tuple[FaultKind, ...] = (
    _callback("dup", "Sent twice at once", "The same message reaches the site twice at the same moment."),
    _callback(
        "slow_client", "Dropped and sent again", "WeChat hangs up after 5 seconds and sends the same message again."
    ),
    _callback("bad_signature", "Forged signature", "Somebody who does not know our token signs the message."),
    _callback(
        "bad_msg_signature",
        "Forged signature of an encrypted message",
        "The message is encrypted, and the signature over its ciphertext is wrong.",
    ),
    _callback(
        "wrong_appid_inside",
        "Encrypted for somebody else",
        "The message is encrypted and signed with our keys, but another account's id is inside.",
    ),
    _callback("stale_timestamp", "Old message", "The message was signed ten minutes ago, as a replayed one is."),
    _callback("malformed_xml", "Broken message", "The message is signed, but its XML stops in the middle."),
    _callback("entity_bomb", "Message that explodes", "The XML defines entities that unfold to gigabytes."),
    FaultKind(
        name="expired_ticket",
        area=Area.SCAN,
        title="Login code expired",
        description="WeChat finds the scanned login code too old. The site hears nothing of it.",
    ),
    FaultKind(
        name="out_of_order",
        area=Area.SCAN,
        title="Scanned too early",
        description="A follower's scan reaches the site before the answer that made the login code.",
    ),
    _api("token_invalid", "Token refused", "Calls with an access token are refused with 40001, as if it had expired."),
    _api(
        "token_invalid_forever",
        "Every token refused",
        "However often the site asks for a new access token, calls are refused with 40001.",
    ),
    _api("quota", "Used up for today", "Calls are refused with 45009: the day's quota of calls is used up."),
    _api("no_permission", "Permission taken away", "Calls are refused with 48001, whatever kind the account is."),
    _api("busy", "WeChat is busy", "Calls are answered with -1: the system is busy."),
    _api("http500", "WeChat is broken", "Calls are answered with HTTP 500 and a page instead of JSON."),
    _api("timeout", "WeChat is silent", "Calls get no answer within ten seconds."),
)
BY_NAME = {kind.name: kind for kind in KINDS}
