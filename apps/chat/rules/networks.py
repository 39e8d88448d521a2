"""Networks that are held back from chat, as operators write them: "203.0.113.0/24"."""

import ipaddress
from collections.abc import Collection
from functools import lru_cache

from apps.chat import errors
from apps.chat.rules import limits
from apps.kernel import visitors

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def read_network(text: str) -> str:
    """A network or an address in its one way of writing. Raises ConfigurationNotValid for none, or for too much."""
    network = visitors.network(text)
    if network is None:
        raise errors.ConfigurationNotValid(field="network")
    if network.prefixlen < limits.SHORTEST_PREFIX[network.version]:
        raise errors.ConfigurationNotValid(field="network")
    return str(network)


def is_within(address: str, networks: Collection[str]) -> bool:
    """Whether a visitor's address is in one of these networks; an unknown one ("") is in none."""
    if not address:
        return False
    parsed = ipaddress.ip_address(address)
    return any(parsed in network for network in _read(tuple(networks)))


@lru_cache(maxsize=4)
def _read(networks: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(network) for network in networks)
