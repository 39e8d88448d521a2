"""The only module that reads the environment; everything else asks settings.

Every variable is read into a closed type. What does not fit stops the start with one line that names the variable and
never quotes its value, which may be a secret. An empty variable counts as one that is not set.
"""

import ipaddress
import os
import re
import shlex
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

CANNOT_START = 2
# Gunicorn stops at this code instead of starting its workers again and again; it is uvicorn's own, too.
SERVER_CANNOT_START = 3

ROOT = Path(__file__).resolve().parent.parent

# Others, such as the base of all of them, are no whole set-up.
_SET_UPS = tuple(f"config.settings.{name}" for name in ("embedded", "production", "test"))
_YES = {"1", "true", "yes", "on"}
_NO = {"0", "false", "no", "off"}
_HOST = re.compile(r"(?:[a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?|\[[0-9a-f:.]+\]", re.IGNORECASE)
_ALONE = "none"
_SHORTEST_SECRET = 50  # characters
_WIDEST_NETWORK = {4: 8, 6: 16}  # prefix bits; what is wider is everybody, and everybody is not a proxy
_USUAL_PORT = {"http": 80, "https": 443}

# Nobody else's variables begin like this: one that no setting reads is a misspelt one, or one of another set-up.
_OURS = (
    *("APPROVAL_", "CHATLOOP_", "HSTS_", "OPERATORS_", "PERSON_KEY", "PICTURE", "PROXY_TLS", "SEALING_KEY"),
    "TRUSTED_PROX",
    *("WECHAT_", "WECHATOA", "WECHATPAY"),
)
# What else is so close to one of ours is meant to be it: ALLOWED_HOST is, other programs' DATABASE_URI is not.
_MISSPELT = 0.92
_read: set[str] = {"DJANGO_SETTINGS_MODULE"}


def choose_settings() -> str:
    """Name the embedded set-up's settings unless others are named; returns the name."""
    name = os.environ.get("DJANGO_SETTINGS_MODULE") or "config.settings.embedded"
    os.environ["DJANGO_SETTINGS_MODULE"] = name
    return name


@contextmanager
def starting(*, exit_code: int) -> Iterator[None]:
    """Let a set-up that cannot work end the process with one line."""
    try:
        is_whole = choose_settings() in _SET_UPS
        refuse(not is_whole, f"DJANGO_SETTINGS_MODULE must be {', '.join(_SET_UPS[:-1])} or {_SET_UPS[-1]}")
        yield
    except ImproperlyConfigured as error:
        sys.stderr.write(f"Chatloop cannot start: {error}\n")
        sys.exit(exit_code)


def refuse(condition: bool, reason: str) -> None:
    """Raise ImproperlyConfigured with the reason if the condition holds."""
    if condition:
        raise ImproperlyConfigured(reason)


def refuse_unread() -> None:
    """Refuse variables of ours that no setting has read, misspelt ones too; the last word of each settings module."""
    unread = sorted(name for name in os.environ if name not in _read and _is_meant_for_us(name.upper()))
    refuse(bool(unread), f"{', '.join(unread)}: no such setting here; see docs/operations.md")


def text(name: str, default: str = "") -> str:
    """The value of one variable, or the default."""
    _read.add(name)
    value = os.environ.get(name, "")
    is_readable = value == value.strip() and value.isprintable()
    refuse(not is_readable, f"{name} must be one line of readable text without spaces around it")
    return value or default


def required(name: str) -> str:
    """The value of one variable; without it the process refuses to start."""
    return _present(name, text(name))


def several_lines(name: str, *, is_required: bool = True) -> str:
    """The value of one variable, of which line ends may be written `\\n`; without it the process refuses to start."""
    _read.add(name)
    value = os.environ.get(name, "").replace("\\n", "\n")
    return _present(name, value) if is_required else value


def shaped(name: str, pattern: str, words: str, default: str = "") -> str:
    """A value that matches the pattern as a whole; `words` say which values do. Required if there is no default."""
    value = text(name, default) or required(name)
    refuse(re.fullmatch(pattern, value, re.ASCII) is None, f"{name} must be {words}")
    return value


def choice(name: str, *choices: str, default: str) -> str:
    """One of these words, spelt exactly so, or the default."""
    value = text(name, default)
    refuse(value not in choices, f"{name} must be one of {', '.join(choices)}")
    return value


def number(name: str, default: int, *, at_least: int, at_most: int) -> int:
    """A whole number within these bounds, or the default."""
    value = text(name, str(default))
    is_one = re.fullmatch(r"\d{1,12}", value, re.ASCII) is not None and at_least <= int(value) <= at_most
    refuse(not is_one, f"{name} must be a whole number from {at_least} to {at_most}")
    return int(value)


def limit(name: str) -> int | None:
    """A whole number from 0 on, or None where the variable is empty: no limit."""
    return None if not text(name) else number(name, 0, at_least=0, at_most=2**31 - 1)


def flag(name: str, *, default: bool) -> bool:
    """Yes or no: 1, true, yes, on or 0, false, no, off in any case, or the default."""
    value = text(name, "yes" if default else "no").lower()
    refuse(value not in _YES | _NO, f"{name} must be yes or no")
    return value in _YES


def secret(name: str, default: str = "") -> str:
    """A secret that nobody guesses. Required if there is no default."""
    value = text(name, default) or required(name)
    refuse(len(value) < _SHORTEST_SECRET, f"{name} must have at least {_SHORTEST_SECRET} characters")
    return value


def lasting_secret(name: str, default: str = "", *, others: Collection[str]) -> str:
    """A secret that the database depends on. Required if there is no default.

    None of the others, such as SECRET_KEY: that one is changed when it leaks, and rows would be lost with it.
    """
    value = secret(name, default)
    refuse(value in others, f"{name} must not be another key of this site")
    refuse("," in value, f"{name} must have no comma: its former values are a list with commas")
    return value


def former_secrets(name: str) -> list[str]:
    """Comma-separated secrets that were in use before; none is usual."""
    values = _list(name, "") if text(name) else []
    refuse(
        any(len(value) < _SHORTEST_SECRET for value in values), f"{name} must be former secrets, with commas between"
    )
    return values


def hosts(name: str, default: str = "") -> list[str]:
    """Comma-separated host names without ports or wildcards."""
    values = _list(name, default)
    are_hosts = all(_HOST.fullmatch(value) for value in values)
    refuse(not are_hosts, f"{name} must name the hosts of this site")
    return values


def is_loopback(host: str) -> bool:
    """Whether a host, an IPv6 address in brackets, is this machine for everybody who says it."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def pairs(name: str) -> dict[str, str]:
    """Texts by code, as "base=One; deep=Another"; none is usual."""
    found: dict[str, str] = {}
    for pair in text(name).split(";") if text(name) else []:
        code, equals, value = (part.strip() for part in pair.partition("="))
        is_pair = bool(equals and value) and re.fullmatch(r"[\w.:/-]{1,64}", code, re.ASCII) is not None
        refuse(not is_pair or code in found, f"{name} must be pairs such as base=One; deep=Another, each code once")
        found[code] = value
    return found


def origin(name: str, default: str = "", *, schemes: tuple[str, ...] = ("https",)) -> str:
    """Scheme and host of a site, without a final slash. Required if there is no default."""
    value = address(name, default, schemes=schemes)
    parts = urlsplit(value)
    refuse(bool(parts.path or parts.query), f"{name} must be an address without a path")
    return value


def address(name: str, default: str = "", *, schemes: tuple[str, ...] = ("https",)) -> str:
    """An address on the web as browsers spell it, without a final slash. Required if there is no default."""
    value = (text(name, default) or required(name)).rstrip("/")
    refuse(not _is_address(value, schemes), f"{name} must be an {schemes[0]} address")
    parts = urlsplit(value)
    port = "" if parts.port in (None, _USUAL_PORT[parts.scheme]) else f":{parts.port}"
    return parts._replace(netloc=f"{_bracketed(parts.hostname)}{port}").geturl().rstrip("/")


def proxies(name: str, default: str = "") -> tuple[str, ...]:
    """Which peers are proxies of ours: `none`, or a list of networks and `unix`. Required if there is no default."""
    values = _list(name, default)
    if values == [_ALONE]:
        return ()
    try:
        return tuple("unix" if value == "unix" else _proxy_network(value) for value in values)
    except ValueError:
        reason = f"{name} must be none, or networks such as 10.0.0.0/24 and unix for a socket, separated by commas"
        raise ImproperlyConfigured(reason) from None


def proxy_tls_header(name: str, default: str) -> tuple[str, str] | None:
    """The header by which the proxy says https, as Django wants it; `none` where no proxy does."""
    header = shaped(name, "[A-Za-z][A-Za-z0-9-]*", f"the name of a header, or {_ALONE}", default)
    return None if header.lower() == _ALONE else (f"HTTP_{header.upper().replace('-', '_')}", "https")


def var_dir() -> Path:
    """Where the embedded set-up keeps its database, keys and sockets."""
    return Path(text("CHATLOOP_VAR", str(ROOT / "var"))).resolve()


def folder(name: str) -> Path:
    """An absolute path of a folder that is there, and that this process may write into. Required."""
    value = Path(required(name))
    is_usable = value.is_absolute() and value.is_dir() and os.access(value, os.R_OK | os.W_OK | os.X_OK)
    refuse(not is_usable, f"{name} must be the absolute path of a folder that this process may write into")
    return value


def again(command: str) -> str:
    """A command as it is typed to work on the data of this process, and not on those of the default folder."""
    var = text("CHATLOOP_VAR")
    return f"CHATLOOP_VAR={shlex.quote(var)} {command}" if var else command


def _is_meant_for_us(name: str) -> bool:
    # A single word, such as PORT, is anybody's.
    ours = [known for known in _read if "_" in known]
    return name.startswith(_OURS) or bool(get_close_matches(name, ours, n=1, cutoff=_MISSPELT))


def _present(name: str, value: str) -> str:
    refuse(not value, f"{name} must be set; see docs/operations.md")
    return value


def _list(name: str, default: str) -> list[str]:
    return [value.strip() for value in (text(name, default) or required(name)).split(",")]


def _is_address(value: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(value)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_plain = not parts.fragment and parts.username is None and " " not in value
    return is_plain and has_port and parts.scheme in schemes and _HOST.fullmatch(_bracketed(parts.hostname)) is not None


def _bracketed(host: str | None) -> str:
    return f"[{host}]" if host and ":" in host else host or ""


def _proxy_network(value: str) -> str:
    network = ipaddress.ip_network(value)
    if network.prefixlen < _WIDEST_NETWORK[network.version]:
        raise ValueError("too wide")
    return str(network)
