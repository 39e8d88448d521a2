"""Where channels may lead, and when a key may go there."""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from apps.chat import errors


def check_channel_addresses(*, base_url: str, proxy_url: str) -> None:
    """Raise ConfigurationNotValid for an address that no call can use.

    A proxy is spoken to by HTTP or HTTPS, has no password in its address (it would be shown), and leads nowhere
    but out of this machine.
    """
    base = _host_of(base_url, field="base_url")
    if proxy_url:
        _host_of(proxy_url, field="proxy_url")
        if _is_loopback(base):
            raise errors.ConfigurationNotValid(field="proxy_url")


def is_on_this_machine(url: str) -> bool:
    """Whether a channel's address leads to a process of this machine."""
    return _is_loopback(urlsplit(url).hostname or "")


def is_our_own(url: str, *, own: str) -> bool:
    """Whether a channel is the model server at `own`, which lives and dies with our site; "" where there is none."""
    return bool(own) and _place_of(url) == _place_of(own)


def lead_to_one_place(url: str, other: str) -> bool:
    """Whether two addresses lead to the same scheme, host and port."""
    return _place_of(url) == _place_of(other)


def differ_in_port(url: str, other: str) -> bool:
    """Whether two addresses of this machine are the same but for the port."""
    one, two = urlsplit(url), urlsplit(other)
    is_here = is_on_this_machine(url) and is_on_this_machine(other)
    return is_here and (one.scheme, one.path) == (two.scheme, two.path) and one.port != two.port


def check_key_may_stay(*, saved: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise ChannelKeyNeeded unless calls go where they went, by addresses in the order base, proxy ("" for none).

    A key is never shown: nobody may read it by having it sent to a place of their own. The path may change.
    """
    if [_place_of(url) for url in saved] != [_place_of(url) for url in wanted]:
        raise errors.ChannelKeyNeeded


def _host_of(url: str, *, field: str) -> str:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in {"http", "https"} and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or not parts.hostname:
        raise errors.ConfigurationNotValid(field=field)
    return parts.hostname


def _place_of(url: str) -> tuple[object, ...]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return (url,)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
