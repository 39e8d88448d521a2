"""Decisions of accounts that need no database: codes, nicknames, words, addresses."""

import ipaddress
import secrets
import string
import unicodedata
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from apps.accounts.contracts import LOGIN_KEYWORD
from apps.accounts.errors import NicknameNotValid, ReplyTextNotValid
from apps.kernel.ids import UserId

# Nothing here is mistaken for another sign when read off a phone: no 0 O Q, 1 I L, 2 Z, 5 S, 8 B, U V.
CODE_ALPHABET = "34679ACDEFGHJKMNPRTWXY"
CODE_LENGTH = 6
CODE_LIFETIME = timedelta(minutes=3)

# Also how long its QR code can be scanned.
ATTEMPT_LIFETIME = timedelta(minutes=5)
TRIES_PER_ATTEMPT = 5

# What a follower sends for a code.
LOGIN_WORDS = (LOGIN_KEYWORD, "登陆", "登录码", "验证码", "login", "sign in")

# What answers the question after a scan; the question names the first ones.
CONFIRM_WORDS = ("1", "确认登录", "确认", "yes")
REFUSE_WORDS = ("0", "取消", "取消登录", "no")

# How far WeChat's clock may be from ours; what is older is a replay.
CALLBACK_FRESHNESS = timedelta(minutes=5)

NICKNAME_LENGTH = 24
# Control, surrogate, private and unassigned characters, line and paragraph separators; format
# characters too (they reverse or hide text), except the joiner that emoji are built with.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINER = "\u200d"

_PLACES = (
    "云上", "山间", "林间", "溪边", "月下", "海边", "松下", "雪里", "花间", "雨后",
    "湖畔", "屋檐下", "晨光里", "稻田里", "小岛上", "麦浪里", "灯塔下", "巷口", "桥头", "竹林里",
)  # fmt: skip
_CREATURES = (
    "鹿", "鹤", "猫", "鲸", "狐狸", "麻雀", "兔子", "熊猫", "刺猬", "松鼠",
    "海豚", "燕子", "水獭", "白鹭", "蜻蜓", "企鹅", "山羊", "萤火虫", "海龟", "小马",
)  # fmt: skip

# The first that matches: many browsers also claim to be those below them.
_BROWSERS = (
    ("MicroMessenger", "WeChat"), ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("Chrome", "Chrome"), ("CriOS", "Chrome"), ("Safari", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("HarmonyOS", "HarmonyOS"), ("Android", "Android"),
    ("Windows", "Windows"), ("Macintosh", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip

_LOCAL = tuple(
    ipaddress.ip_network(network)
    for network in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::/48", "fc00::/7", "fe80::/10")
)

# A browser or network that we cannot name.
UNKNOWN = "unknown"

API_KEY_PREFIX = "sk-"
_KEY_ALPHABET = string.ascii_letters + string.digits


def new_code() -> str:
    """A fresh login code, every sign drawn independently."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))


def new_scene() -> str:
    """What a login QR code stands for: 128 random bits, in signs that WeChat allows."""
    return f"login_{secrets.token_urlsafe(16)}"


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


def normalise_code(text: str) -> str:
    """A code as it was issued, from what somebody typed: full-width, lower case, spaces and dashes are forgiven."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).upper() if sign.isalnum())


def normalise_command(text: str) -> str:
    """A word sent to the official account, without case, width, surrounding spaces and punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return folded.strip(" \t\r\n\u3000。.!?,;:~、“”\"'「」【】[]()")


def is_fresh(timestamp: str, *, now: datetime) -> bool:
    """Whether a callback's timestamp (seconds since the epoch) is close enough to now."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs(now.timestamp() - int(timestamp)) <= CALLBACK_FRESHNESS.total_seconds()


def clean_nickname(text: str) -> str:
    """A nickname in composed form, single-spaced.

    Raises NicknameNotValid unless 1 to 24 characters remain and all of them can be seen.
    """
    nickname = _composed(text)
    categories = {unicodedata.category(sign) for sign in nickname if sign != _JOINER}
    has_a_sign = any(category[0] in "LNPS" for category in categories)
    if len(nickname) > NICKNAME_LENGTH or not has_a_sign or categories & _INVISIBLE:
        raise NicknameNotValid()
    return nickname


def is_nickname(text: str, nickname: str) -> bool:
    """Whether somebody typed this nickname; spaces and ways of composing a sign do not matter."""
    return _composed(text) == nickname


def _composed(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def default_nickname() -> str:
    """A friendly nickname that says nothing about the person, such as "云上的鹿"; many may share it."""
    return f"{secrets.choice(_PLACES)}的{secrets.choice(_CREATURES)}"


def pseudonym(user_id: UserId) -> str:
    """What stands in a closed account's place where a nickname was: nothing of the person, the same everywhere."""
    return f"#{user_id.hex[-6:]}"


def network_of(address: str) -> str:
    """What one household holds: the IPv4 address itself, the /64 of an IPv6 address; "unknown" if it is neither."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return UNKNOWN
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def coarse_network(address: str) -> str:
    """Where somebody is, roughly enough to keep: the /24 of an IPv4 address, the /48 of an IPv6 one, or UNKNOWN."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return UNKNOWN
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    bits = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network((str(parsed), bits), strict=False))


def browser_label(user_agent: str) -> str:
    """What a person would call this browser, such as "Chrome · Windows"; never the whole User-Agent."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return " · ".join(filter(None, (browser, system))) or UNKNOWN


def is_local_network(network: str) -> bool:
    """Whether a coarse network is one machine's own, or one that the public internet does not know."""
    if network == UNKNOWN:
        return False
    parsed = ipaddress.ip_network(network)
    return any(parsed.network_address in local for local in _LOCAL)


def normalise_network(text: str) -> str | None:
    """A network in CIDR form, host bits cleared ("10.0.0.7" is "10.0.0.7/32"); None if it is none."""
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError:
        return None


def is_in_networks(address: str, networks: Iterable[str]) -> bool:
    """Whether an address lies in one of these networks."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in ipaddress.ip_network(network) for network in networks)


def new_backup_code(length: int) -> str:
    """A code to write down, in two halves: "4CDE7-HJKMN"."""
    signs = [secrets.choice(CODE_ALPHABET) for _ in range(length)]
    return f"{''.join(signs[: length // 2])}-{''.join(signs[length // 2 :])}"


def new_api_key() -> str:
    """A fresh API key: "sk-" and 40 letters and digits, 238 bits; a double click selects all of it but the prefix."""
    return API_KEY_PREFIX + "".join(secrets.choice(_KEY_ALPHABET) for _ in range(40))
