"""Whose address a request has. One place decides it, from what our own proxies say; nobody else looks at it."""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache

from django.http import HttpRequest
from rest_framework.request import Request

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# In TRUSTED_PROXIES: whoever reaches us through a unix socket.
UNIX_SOCKET = "unix"

_DECIDED = "chatloop.visitor_address"
_SAID_BY_PROXIES = (
    *("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA", "HTTP_X_FORWARDED_HOST"),
    *("HTTP_X_FORWARDED_PROTO", "HTTP_CF_CONNECTING_IP", "HTTP_TRUE_CLIENT_IP", "HTTP_CDN_LOOP"),
)
_WITH_PORT = re.compile(r"(?P<v4>[0-9.]+)(:\d+)?|\[(?P<v6>[0-9A-Fa-f:.]+)\](:\d+)?")


def address_of(request: HttpRequest | Request) -> str:
    """The visitor's address, "" where nobody can know it; an IPv4 address never comes in its IPv6 form."""
    return str(request.META[_DECIDED])


def is_forwarded(request: HttpRequest | Request) -> bool:
    """Whether some proxy, ours or not, says that it passed this request on; a proxy may also say nothing."""
    return any(name in request.META for name in _SAID_BY_PROXIES)


def decide(request: HttpRequest, *, proxies: Sequence[str]) -> bool:
    """Decide the visitor's address, once per request; returns whether the peer is a proxy of ours."""
    peer = str(request.META.get("REMOTE_ADDR") or "")
    request.META[_DECIDED] = visitor(peer, str(request.META.get(_SAID_BY_PROXIES[0], "")), proxies=proxies)
    return _is_ours(peer, tuple(proxies))


def visitor(peer: str, forwarded_for: str, *, proxies: Sequence[str]) -> str:
    """The address of who stands before our proxies: X-Forwarded-For read from the right, as far as we trust who wrote.

    What a peer that is no proxy of ours says is not believed. An entry that is no address, written by a proxy of ours,
    leaves nobody to name: "".
    """
    ours = tuple(proxies)
    nearest = peer
    for entry in reversed(forwarded_for.split(",") if forwarded_for.strip() else []):
        if not _is_ours(nearest, ours):
            break
        nearest = str(_parsed(entry) or "")
        if not nearest:
            return ""
    return str(_parsed(nearest) or "")


def network(text: str) -> Network | None:
    """A network as somebody writes it, host bits cleared; None for none, and for one in which no visitor can be.

    Addresses never come in their IPv6 form of an IPv4 one, nor with a zone: a network of those is read as what it
    means, or is none.
    """
    try:
        found = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv4Network):
        return found
    if "%" in text:
        return None
    first = found.network_address.ipv4_mapped
    if first is None:
        return found
    bits = found.prefixlen - (found.max_prefixlen - first.max_prefixlen)
    return ipaddress.ip_network((str(first), bits))


def _is_ours(peer: str, proxies: tuple[str, ...]) -> bool:
    if not peer:
        return UNIX_SOCKET in proxies
    address = _parsed(peer)
    return address is not None and any(address in network for network in _networks(proxies))


@lru_cache(maxsize=8)
def _networks(proxies: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(each) for each in proxies if each != UNIX_SOCKET)


def _parsed(text: str) -> Address | None:
    found = _WITH_PORT.fullmatch(text.strip())
    try:
        address = ipaddress.ip_address((found["v4"] or found["v6"]) if found else text.strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        # A zone is the peer's own name for its link, and means nothing here.
        return address.ipv4_mapped or ipaddress.IPv6Address(int(address))
    return address
