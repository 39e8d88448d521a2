"""Whose address a request has, whatever its headers say."""

import pytest

from apps.kernel import visitors

NOBODY: tuple[str, ...] = ()
NGINX = ("10.0.0.0/24", "2001:db8:aa::/64", "127.0.0.1/32")
SOCKET = ("unix", "10.0.0.0/24")


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded_for", "address"),
    [
        # No proxy of ours: the peer is the visitor, and says what they like.
        (NOBODY, "203.0.113.7", "", "203.0.113.7"),
        (NOBODY, "127.0.0.1", "198.51.100.1", "127.0.0.1"),
        (NOBODY, "", "198.51.100.1", ""),
        (NGINX, "203.0.113.7", "198.51.100.1", "203.0.113.7"),
        # Our proxy says who stands before it; what that one says is not believed.
        (NGINX, "10.0.0.5", "203.0.113.7", "203.0.113.7"),
        (NGINX, "10.0.0.5", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        (NGINX, "127.0.0.1", "198.51.100.1,203.0.113.7 , 10.0.0.9", "203.0.113.7"),
        (NGINX, "10.0.0.5", "10.0.0.1, 203.0.113.7", "203.0.113.7"),
        # Somebody inside, through all our hops.
        (NGINX, "10.0.0.5", "10.0.0.7", "10.0.0.7"),
        (NGINX, "10.0.0.5", "10.0.0.8, 10.0.0.7", "10.0.0.8"),
        (NGINX, "10.0.0.5", "", "10.0.0.5"),
        (NGINX, "10.0.0.5", "   ", "10.0.0.5"),
        # IPv6, IPv4 in IPv6, ports, zones.
        (NGINX, "2001:db8:aa::1", "2001:db8:1::7", "2001:db8:1::7"),
        (NGINX, "::ffff:10.0.0.5", "::ffff:203.0.113.7", "203.0.113.7"),
        (NGINX, "10.0.0.5", "203.0.113.7:51234", "203.0.113.7"),
        (NGINX, "10.0.0.5", "[2001:db8:1::7]:51234", "2001:db8:1::7"),
        (NGINX, "10.0.0.5", "fe80::1%eth0", "fe80::1"),
        # What is no address names nobody, and is reached only past our own hops.
        (NGINX, "10.0.0.5", "unknown", ""),
        (NGINX, "10.0.0.5", "203.0.113.7, unknown", ""),
        (NGINX, "10.0.0.5", "unknown, 203.0.113.7", "203.0.113.7"),
        (NGINX, "10.0.0.5", ",", ""),
        (NGINX, "10.0.0.5", "203.0.113.7; DROP", ""),
        (NGINX, "nonsense", "203.0.113.7", ""),
        # A unix socket has no address of its own.
        (SOCKET, "", "203.0.113.7", "203.0.113.7"),
        (SOCKET, "", "198.51.100.1, 203.0.113.7, 10.0.0.9", "203.0.113.7"),
        (SOCKET, "", "", ""),
    ],
)
def test_only_our_own_proxies_say_who_the_visitor_is(
    proxies: tuple[str, ...], peer: str, forwarded_for: str, address: str
) -> None:
    assert visitors.visitor(peer, forwarded_for, proxies=proxies) == address


def test_a_long_list_of_hops_costs_no_more_than_reading_it() -> None:
    """Headers are as long as a server lets them be."""
    hops = ", ".join(["10.0.0.1"] * 5_000)

    assert visitors.visitor("10.0.0.5", f"203.0.113.7, {hops}", proxies=NGINX) == "203.0.113.7"
