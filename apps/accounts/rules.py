"""Decisions and numbers of accounts that need no database: codes, limits, nicknames, words, addresses, keys."""

import ipaddress
import string
import unicodedata
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from apps.accounts.contracts import LOGIN_KEYWORD, MemberStatus
from apps.accounts.errors import NicknameNotValid, NicknameReserved, ReplyTextNotValid
from apps.kernel.characters import INVISIBLE, JOINER, category, is_unseen, show_something
from apps.kernel.ids import UserId

# Nothing here is mistaken for another sign when read off a phone: no 0 O Q, 1 I L, 2 Z, 5 S, 8 B, U V.
CODE_ALPHABET = "34679ACDEFGHJKMNPRTWXY"
CODE_LENGTH = 6
CODE_MINUTES = 3
CODE_LIFETIME = timedelta(minutes=CODE_MINUTES)

# Also how long its QR code can be scanned.
ATTEMPT_LIFETIME = timedelta(minutes=5)
TRIES_PER_ATTEMPT = 5
# In a minute. A school or a mobile carrier may stand behind one address too; an attempt by itself proves nothing.
ATTEMPTS_PER_ADDRESS = 300
# In an hour. Of 100 000 QR codes that WeChat makes in a day: no neighbourhood (/24, /48) can have more than 3 % of
# them. Whoever gets none signs in by the code.
QR_CODES_PER_NEIGHBOURHOOD = 120
# Not at once: of two questions at the same moment one gets the session.
COLLECT_AGAIN_AFTER, COLLECT_AGAIN_WITHIN = timedelta(seconds=1), timedelta(seconds=30)
# Streams that one attempt may have open: its browser may show the page in a few tabs. And one network, behind which
# a school may be; who is refused asks every two seconds instead.
STREAMS_PER_ATTEMPT = 6
STREAMS_PER_NETWORK = 100

# In a minute; only wrong codes count. One address may belong to an office. Above 600 each address has three left, so
# that 1 000 addresses guess 9 000 times in a code's life, against 22^6 = 113 million codes.
WRONG_CODES_PER_ADDRESS = 20
WRONG_CODES_IN_ALL = 600
WRONG_CODES_IN_FLOOD = 3

# How long WeChat's browser may be away with our question, and how many questions in a minute. Each makes a session
# row; a school may stand behind one address.
OAUTH_LIFETIME = timedelta(minutes=5)
OAUTH_PER_NETWORK = 300

# Of operators only failures count: of one network, and of one user name there. Above fifty of a name from everywhere,
# a network may be wrong about it twice: who sits elsewhere and knows the password comes in whatever strangers try.
WRONG_PASSWORDS_PER_NETWORK = 20
WRONG_PASSWORDS_PER_NAME = 10
WRONG_PASSWORDS_PER_NAME_EVERYWHERE = 50
WRONG_PASSWORDS_PER_NAME_IN_FLOOD = 2
WRONG_PASSWORDS_WINDOW = timedelta(minutes=5)

# The operators' second factor. A backup code is ten signs of 22: 44 bits, and every guess is counted.
BACKUP_CODES = 10
BACKUP_CODE_LENGTH = 10
SECOND_FACTOR_STEP_SECONDS = 30
WRONG_SECOND_FACTORS = 5
WRONG_SECOND_FACTORS_WINDOW = timedelta(minutes=5)

# Of a browser, after its last page.
SESSION_LIFETIME = timedelta(days=14)
# How far behind "last seen" of a session may be: it costs a write.
SEEN_EVERY = timedelta(minutes=5)
KEEP_LOGINS = timedelta(days=180)
LOGINS_PER_PAGE = 10
INVITE_LENGTH = 32
EXPORTS_PER_DAY = 5

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

NICKNAME_LENGTH = 24
# What newcomers are called: somewhere's somebody.
NICKNAME_PLACES = (
    "云上", "山间", "林间", "溪边", "月下", "海边", "松下", "雪里", "花间", "雨后",
    "湖畔", "屋檐下", "晨光里", "稻田里", "小岛上", "麦浪里", "灯塔下", "巷口", "桥头", "竹林里",
)  # fmt: skip
NICKNAME_CREATURES = (
    "鹿", "鹤", "猫", "鲸", "狐狸", "麻雀", "兔子", "熊猫", "刺猬", "松鼠",
    "海豚", "燕子", "水獭", "白鹭", "蜻蜓", "企鹅", "山羊", "萤火虫", "海龟", "小马",
)  # fmt: skip

# Who has one of these in the name, or is called one of those, speaks for us.
_OURS = ("圈聊", "官方", "客服", "管理员", "工作人员", "系统消息", "chatloop", "official", "administrator")
_OURS_ALONE = ("系统", "运营", "admin", "system", "support")
# Signs that pass for others once width, case and accents are gone; i, l and 1 are one sign.
_LOOKALIKES = str.maketrans(
    "асеорхіѕтнмкв" "οαιρτκενυ" "ıɑ" "01|!i34$57@" "圏員統運",
    "aceopxlsthmkb" "oalptkevu" "la" "ollll" "eassta" "圈员统运",
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
# What follows the prefix: 238 bits.
API_KEY_ALPHABET = string.ascii_letters + string.digits
API_KEY_LENGTH = 40
# How much of a key's beginning is kept, to tell it from others.
SHOWN_OF_KEY = 9
KEYS_PER_MEMBER = 20
# More than anybody has, and small enough for one row.
NETWORKS_PER_KEY, MODELS_PER_KEY = 20, 50
LARGEST_SPEND_CAP_MILLI = 10**12
# How far behind "last used" of a key may be: it costs a write.
KEY_USED_EVERY = timedelta(minutes=5)


def may_come_in(*, status: str, is_staff: bool) -> bool:
    """Whether an account of this status may sign in: a frozen member may come and look, a frozen operator may not."""
    return status == MemberStatus.ACTIVE or (status == MemberStatus.FROZEN and not is_staff)


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


def normalise_code(text: str) -> str:
    """A code as it was issued, from what somebody typed: full-width, lower case, spaces and dashes are forgiven."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).upper() if sign.isalnum())


def normalise_command(text: str) -> str:
    """A word sent to the official account: without case, width, what is unseen, and spaces or marks around it."""
    folded = "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if not is_unseen(sign))
    return folded.strip(" \t\r\n\u3000。.!?,;:~、“”\"'「」【】[]()")


def is_fresh(timestamp: str, *, now: datetime) -> bool:
    """Whether a callback's timestamp (seconds since the epoch) is close enough to now."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs(now.timestamp() - int(timestamp)) <= CALLBACK_FRESHNESS.total_seconds()


def clean_nickname(text: str) -> str:
    """A nickname in composed form, single-spaced.

    Raises NicknameNotValid unless 1 to 24 characters remain and all of them can be seen, NicknameReserved for a name
    that sounds like ours.
    """
    nickname = _composed(text)
    # The joiner hides nothing: emoji are built with it.
    has_hidden = any(category(sign) in INVISIBLE for sign in nickname if sign != JOINER)
    if len(nickname) > NICKNAME_LENGTH or has_hidden or not show_something(nickname):
        raise NicknameNotValid()
    skeleton = _skeleton(nickname)
    if any(_skeleton(word) in skeleton for word in _OURS) or skeleton in map(_skeleton, _OURS_ALONE):
        raise NicknameReserved()
    return nickname


def is_nickname(text: str, nickname: str) -> bool:
    """Whether somebody typed this nickname; spaces and ways of composing a sign do not matter."""
    return _composed(text) == nickname


def _skeleton(text: str) -> str:
    """What somebody reads at a glance: without width, case, accents, spaces and marks, look-alikes made one."""
    folded = unicodedata.normalize("NFKD", text).casefold().translate(_LOOKALIKES)
    return "".join(sign for sign in folded if sign.isalnum())


def _composed(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


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


def second_factor_steps(now: datetime) -> range:
    """The steps whose codes an authenticator may show now (RFC 6238, section 5.2), oldest first.

    One to either side of the present: clocks differ, and people type slowly.
    """
    present = int(now.timestamp()) // SECOND_FACTOR_STEP_SECONDS
    return range(present - 1, present + 2)


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


def beginning_of(network: str) -> str:
    """What all addresses of a coarse network share: "203.0.113" of "203.0.113.0/24"."""
    parsed = ipaddress.ip_network(network)
    if parsed.version == 4:
        return ".".join(str(parsed.network_address).split(".")[: parsed.prefixlen // 8])
    groups = parsed.network_address.exploded.split(":")[: parsed.prefixlen // 16]
    return ":".join(f"{int(group, 16):x}" for group in groups)


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
