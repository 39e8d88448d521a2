"""Where somebody is, in networks."""

import ipaddress
from collections.abc import Iterable

from apps.kernel import visitors

_LOCAL = tuple(
    ipaddress.ip_network(network)
    for network in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::/48", "fc00::/7", "fe80::/10")
)

# A browser or network that we cannot name.
UNKNOWN = "unknown"


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
    """A network in CIDR form, host bits cleared ("10.0.0.7" is "10.0.0.7/32"); None if no visitor can be in it."""
    network = visitors.network(text)
    return None if network is None else str(network)


def is_in_networks(address: str, networks: Iterable[str]) -> bool:
    """Whether an address lies in one of these networks."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in ipaddress.ip_network(network) for network in networks)
