"""Going to an address that somebody outside names: a member's own base URL, a picture that a request points to.

Only to public places, by https. Names are looked up here, at each connection that is made, and it is made to the very
address that was looked at: what a name means a moment later is nobody's concern. TLS is checked against the name.
Nothing is redirected, no proxy is used, and no error names the address, which may hold a secret.
"""

import asyncio
import re
import socket
import threading
from concurrent.futures import Future
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.http_exceptions import HttpProcessingError
from django.conf import settings
from yarl import URL

from apps.kernel import heads

MAX_URL_CHARS = 2_000
# Looked up at a time, in this process. A name whose servers hang holds a thread for as long as the system waits.
_MOST_LOOK_UPS = 32
_STEP_BYTES = 64 * 1024
_LOWEST_PORT = 1024  # but for that of https: below it, others listen than those who serve by https at an odd port
_NETWORKS_V4 = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
            # The last is multicast and all that is reserved above it; the one before, Azure's own to its machines.
            *("203.0.113.0/24", "168.63.129.16/32", "224.0.0.0/3"),
        ),
    )
)
# All that is public in IPv6 is here; forms of IPv4 addresses, links, sites and groups are not, ...
_PUBLIC_V6 = ip_network("2000::/3")
# ... but for Teredo and others of the protocol's own, documentation, and 6to4.
_NETWORKS_V6 = tuple(map(ip_network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
# Resolvers of the system take "0x7f.1" and "2130706433" for addresses.
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)
_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_MAX_NAME_CHARS = 253
_PLAIN = {"", "identity"}

_look_ups = threading.BoundedSemaphore(_MOST_LOOK_UPS)


class AddressRefused(OSError):
    """An address to which nobody is sent from here; why is said in words that name nothing of it."""


class FetchFailed(Exception):
    """What was to be fetched did not come: `code` is unreachable, too_slow, too_large, packed, or not_there."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def check(url: str) -> URL:
    """The address as it is gone to: what else is read into the text counts for nothing. Raises AddressRefused.

    By https to a public address or a name, on the usual port or one from 1024 on, without user, password or fragment.
    In a set-up with a model server of its own, what lies beneath that may be gone to as it is. A name is not looked
    up here: that happens at each connection, in the guard.
    """
    if len(url) > MAX_URL_CHARS or "\\" in url or not url.isprintable() or any(map(str.isspace, url)):
        raise AddressRefused("no address")
    try:
        where = URL(url)
        host, port = where.raw_host, where.explicit_port
    except (ValueError, UnicodeError):
        raise AddressRefused("no address") from None
    if not host or "@" in urlsplit(url).netloc or "#" in url:
        raise AddressRefused("more than an address")
    if _is_our_own(where):
        return where
    if where.scheme != "https":
        raise AddressRefused("not by https")
    if port is not None and port != 443 and port < _LOWEST_PORT:
        raise AddressRefused("a port of others")
    _check_host(host)
    return where


def is_public(address: str) -> bool:
    """Whether an address, as a look-up tells it, is one of the internet's and nothing else's."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in _NETWORKS_V4)
    return parsed in _PUBLIC_V6 and not _is_set_apart(parsed)


def guard() -> dict[str, Any]:
    """What makes an aiohttp.TCPConnector of one that goes to public addresses only, whatever it is asked for.

    A connection elsewhere fails with an aiohttp.ClientConnectorError whose `os_error` is AddressRefused.
    """
    kept = _Guard()
    return {"resolver": kept, "socket_factory": kept.socket, "use_dns_cache": False}


async def fetch(url: str, *, max_bytes: int, seconds: float) -> bytes:
    """What lies at an address, of at most so many bytes, within so many seconds in all.

    Raises AddressRefused, and FetchFailed, also where the address leads elsewhere or the bytes come packed.
    """
    where = check(url)
    try:
        async with asyncio.timeout(seconds), _session() as session, session.get(where, allow_redirects=False) as answer:
            return await _body(answer, max_bytes)
    except TimeoutError:
        raise FetchFailed("too_slow") from None
    except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
        if isinstance(refusal := getattr(error, "os_error", None), AddressRefused):
            raise refusal from None
        raise FetchFailed("unreachable") from None


class _Guard(AbstractResolver):
    """Looks names up and opens sockets; both look at the address, for one that is written out is not looked up."""

    def __init__(self) -> None:
        own = _own()
        self._own = None if own is None else (own.raw_host, own.port)
        # Where our own model server was found.
        self._own_addresses = set() if own is None or own.raw_host is None else {(own.raw_host, own.port)}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of a name. Raises AddressRefused if one of them is not public."""
        addresses = await _look_up(host, port, family)
        if (host, port) == self._own:
            self._own_addresses.update((address, port) for _, address in addresses)
        elif not all(is_public(address) for _, address in addresses):
            raise AddressRefused("not public")
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=flags)
            for kind, address in addresses
        ]

    def socket(self, where: tuple[Any, ...]) -> socket.socket:
        """A socket to connect to an address of socket.getaddrinfo. Raises AddressRefused for one that is not public."""
        family, kind, protocol, _, (address, port, *_) = where
        if not is_public(address) and (address, port) not in self._own_addresses:
            raise AddressRefused("not public")
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        """Nothing is kept open."""


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=heads.Connector(force_close=True, **guard()),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "chatloop"},
    )


async def _body(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    if answer.status != 200:
        raise FetchFailed("not_there")
    if answer.headers.get("Content-Encoding", "").strip().lower() not in _PLAIN:
        raise FetchFailed("packed")
    if (answer.content_length or 0) > max_bytes:
        raise FetchFailed("too_large")
    body = bytearray()
    # What its head says of its length may not be so.
    while chunk := await answer.content.read(_STEP_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise FetchFailed("too_large")
    return bytes(body)


async def _look_up(host: str, port: int, family: int) -> list[tuple[socket.AddressFamily, str]]:
    """In a thread of its own: a name whose servers hang neither takes those of other look-ups, nor keeps us going."""
    if not _look_ups.acquire(blocking=False):
        raise OSError("too many names are being looked up")
    found: Future[list[Any]] = Future()
    found.set_running_or_notify_cancel()

    def look_up() -> None:
        try:
            found.set_result(socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.set_exception(OSError(f"not found: {type(error).__name__}"))
        finally:
            _look_ups.release()

    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    return [(kind, where[0]) for kind, _, _, _, where in await asyncio.wrap_future(found)]


def _check_host(host: str) -> None:
    if ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]):
        # One way of writing: the canonical one.
        if not is_public(host):
            raise AddressRefused("not public")
    elif len(host) > _MAX_NAME_CHARS or not _NAME.fullmatch(host):
        raise AddressRefused("no name of the internet")


def _is_set_apart(address: IPv6Address) -> bool:
    return any(address in network for network in _NETWORKS_V6)


def _own() -> URL | None:
    return URL(settings.OWN_MODELS_URL) if settings.OWN_MODELS_URL else None


def _is_our_own(where: URL) -> bool:
    """Whether an address lies beneath our own model server's, where there is one: nothing else of that site."""
    own = _own()
    if own is None or (where.scheme, where.raw_host, where.port) != (own.scheme, own.raw_host, own.port):
        return False
    return f"{where.path}/".startswith(f"{own.path.rstrip('/')}/") and ".." not in where.path
