"""What followers say to the official account, and what its replies may look like."""

import string
import unicodedata
from collections.abc import Collection
from datetime import datetime, timedelta

from apps.accounts.contracts import LOGIN_KEYWORD
from apps.accounts.errors import ReplyTextNotValid
from apps.kernel.characters import is_unseen

# How the scene of a QR code for signing in begins; the account may have others, on posters or products.
LOGIN_SCENE = "login_"

# What a follower sends for a code.
LOGIN_WORDS = (LOGIN_KEYWORD, "登陆", "登录码", "验证码", "login", "sign in")

# What answers the question after a scan; the question names the first ones. Who only says yes is asked for the number.
CONFIRM_WORDS = ("确认登录", "确认", "yes")
# A yes is a number that the page shows: nobody can be told beforehand what to send. Two digits, none of them a 0.
CONFIRM_NUMBERS = tuple(f"{number}" for number in range(11, 100) if number % 10)
REFUSE_WORDS = ("0", "取消", "取消登录", "no")

# How far WeChat's clock may be from ours; what is older is a replay.
CALLBACK_FRESHNESS = timedelta(minutes=5)


def is_login_scene(scene: str) -> bool:
    """Whether a QR code is one for signing in."""
    return scene.startswith(LOGIN_SCENE)


def placeholders_of(text: str) -> frozenset[str]:
    """The names in braces in a reply text. Raises ValueError unless they are plain names: {name}, not {name.x}."""
    names = set()
    for _, name, spec, conversion in string.Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise ValueError(name)
        names.add(name)
    return frozenset(names)


def check_wording(text: str, *, allowed: Collection[str], required: Collection[str]) -> None:
    """Refuse a reply text that could not be filled or would leave out what the reader needs.

    Raises ReplyTextNotValid.
    """
    try:
        names = placeholders_of(text)
    except ValueError:
        names = None
    if names is None or not text.strip() or names - set(allowed) or set(required) - names:
        raise ReplyTextNotValid(allowed=" ".join(f"{{{name}}}" for name in sorted(allowed)) or "–")


def normalise_command(text: str) -> str:
    """A word sent to the official account: without case, width, what is unseen, and spaces or marks around it."""
    folded = "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if not is_unseen(sign))
    return folded.strip(" \t\r\n\u3000。.!?,;:~、“”\"'「」【】[]()")


def is_fresh(timestamp: str, *, now: datetime) -> bool:
    """Whether a callback's timestamp (seconds since the epoch) is close enough to now."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs(now.timestamp() - int(timestamp)) <= CALLBACK_FRESHNESS.total_seconds()
