"""Addresses that somebody outside names: which are gone to, and that it is the one that was looked at."""

import asyncio
import socket
import threading
from ipaddress import IPv4Address
from typing import Any

import aiohttp
import pytest
from django.conf import LazySettings

from apps.kernel import outbound
from apps.kernel.outbound import AddressRefused, FetchFailed
from tests.names import Names

PUBLIC = "93.184.215.14"
NAME = "models.example.com"
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "address",
    [
        *("0.1.2.3", "0.255.255.255", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.8.8"),
        *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1"),
        *("198.18.0.1", "198.51.100.1", "203.0.113.1", "168.63.129.16", "224.0.0.1", "239.1.1.1", "240.0.0.1"),
        *(
            "255.255.255.255",
            str(IPv4Address(0)),
            "::",
            "::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fe80::1%eth0",
            "fec0::1",
            "ff02::1",
        ),
        *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::1"),
        *("2002:7f00:1::1", "2002:808:808::1", "2001::1", "2001:0:7f00:1::", "2001:db8::1", "3fff::1", "100::1"),
        *("5f00::1", "::ffff:0:127.0.0.1", "no address", "", "8.8.8", "08.8.8.8", "8.8.8.8 "),
    ],
)
def test_what_is_not_the_internets_is_not_public(address: str) -> None:
    assert not outbound.is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", PUBLIC, "100.63.255.255", "100.128.0.0", "172.32.0.0"])
@pytest.mark.parametrize("as_v6", [False, True])
def test_what_is_the_internets_is_public(address: str, as_v6: bool) -> None:
    assert outbound.is_public("2606:4700::" + address.replace(".", ":") if as_v6 else address)


@pytest.mark.parametrize(
    "url",
    [
        # Whatever a resolver may take for an address, and whatever reads as one.
        *("https://0x7f.1/", "https://2130706433/", "https://0177.0.0.1/", "https://127.1/", "https://0/"),
        *("https://0x08.8.8.8/", "https://08.8.8.8/", "https://134744072/", "https://8.8.2056/", "https://a.0x7f/"),
        *("https://127。0。0。1/", "https://①②⑦.0.0.1/", "https://%31%32%37.0.0.1/", "https://1.1.1.1./"),
        *("https://[::]/", "https://[::1]:443/", "https://[::ffff:127.0.0.1]/", "https://[fe80::1%25eth0]/"),
        *("https://127.0.0.1/", "https://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/"),
        # Names of no internet.
        *("https://localhost/", "https://LOCALHOST/", "https://ｌｏｃａｌｈｏｓｔ/", "https://intranet/"),
        *("https://a.example./", "https://a..example/", "https://.a.example/", "https://-.example/"),
        f"https://{'a' * 64}.example/",
        f"https://{'a.' * 127}example/",
        # More than an address, or less.
        *("https://user@a.example/", "https://user:pass@a.example/", "https://@a.example/", "https://:@a.example/"),
        *("https://a.example@127.0.0.1/", "https://a.example:443@b.example/", "https://a.example#@b.example/"),
        *("https://a.example\\@b.example/", "https://a.example/\r\nX: y", "https://a.example/ b", " https://a.example"),
        *("https://a\u200b.example /", "https://a%00.example/", "https://", "https:///x", "//a.example/", "a.example"),
        *("", "https", "https://[::1/", f"https://a.example/{'a' * outbound.MAX_URL_CHARS}"),
        # Ways and ports of others.
        *("http://a.example/", "ftp://a.example/", "file:///etc/passwd", "gopher://a.example/", "data:,x"),
        *("https://a.example:0/", "https://a.example:22/", "https://a.example:25/", "https://a.example:1023/"),
        *("https://a.example:99999/", "https://a.example:-1/", "https://a.example:x/", "https://a.example:80/"),
    ],
)
def test_an_address_that_nobody_is_sent_to(url: str) -> None:
    with pytest.raises(AddressRefused) as refusal:
        outbound.check(url)

    assert "example" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://api.example.com/v1", "api.example.com", 443),
        ("HTTPS://API.Example.com:443", "api.example.com", 443),
        ("https://api.example.com:8443/v1?a=b", "api.example.com", 8443),
        ("https://bücher.example/v1", "xn--bcher-kva.example", 443),
        ("https://模型.例子/v1", "xn--xgs754b.xn--fsqu00a", 443),
        ("https://8.8.8.8/v1", "8.8.8.8", 443),
        ("https://[2606:4700::1111]/v1", "2606:4700::1111", 443),
    ],
)
def test_an_address_is_gone_to_as_it_was_read(url: str, host: str, port: int) -> None:
    where = outbound.check(url)

    assert (where.scheme, where.raw_host, where.port) == ("https", host, port)


def test_our_own_model_server_may_be_gone_to_and_nothing_beside_it(settings: LazySettings) -> None:
    settings.OWN_MODELS_URL = "http://127.0.0.1:8000/sandbox/llm/v1"

    for beneath in ("", "/", "/chat/completions"):
        outbound.check(settings.OWN_MODELS_URL + beneath)
    for other in ("/sandbox/llm/v1x", "/metrics", "/sandbox/llm/v1/../../../metrics", "/sandbox/llm/v1/%2e%2e/faults"):
        with pytest.raises(AddressRefused):
            outbound.check(f"http://127.0.0.1:8000{other}")
    for other in (
        "http://127.0.0.1:8001",
        "http://localhost:8000",
        "https://127.0.0.1:8000",
        "http://a@127.0.0.1:8000",
    ):
        with pytest.raises(AddressRefused):
            outbound.check(f"{other}/sandbox/llm/v1")


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.1.1.1"], ["::1"], ["::ffff:10.0.0.1"], [PUBLIC, "192.168.0.1"], ["2606:4700::1", "fd00::1"]],
)
async def test_a_name_one_of_whose_addresses_is_not_public_is_refused(names: Names, addresses: list[str]) -> None:
    names.answers[NAME] = [addresses]

    with pytest.raises(AddressRefused, match="^not public$"):
        await outbound.fetch(f"https://{NAME}/", max_bytes=100, seconds=5)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Where connections were tried; the internet, which no test reaches, takes none."""
    places: list[tuple[str, int]] = []

    async def connect(loop: object, sock: object, address: tuple[str, int]) -> None:
        places.append(address[:2])
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.BaseEventLoop, "sock_connect", connect)
    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", connect)
    return places


async def test_what_a_name_means_later_is_nobodys_concern(names: Names, tried: list[tuple[str, int]]) -> None:
    names.answers[NAME] = [[PUBLIC], ["127.0.0.1"]]

    # It is tried at what was looked up first, the only time that anybody looks, ...
    assert await _failure(f"https://{NAME}/", seconds=5) == "unreachable"
    assert (tried, names.asked) == ([(PUBLIC, 443)], [NAME])

    # ... and looked up anew for the next connection, in which it means something else.
    with pytest.raises(AddressRefused):
        await outbound.fetch(f"https://{NAME}/", max_bytes=100, seconds=5)
    assert (tried, names.asked) == ([(PUBLIC, 443)], [NAME, NAME])


async def test_every_connection_of_a_pool_is_looked_at(names: Names, tried: list[tuple[str, int]]) -> None:
    names.answers[NAME] = [[PUBLIC], ["127.0.0.1"]]

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(**outbound.guard())) as session:
        failures = []
        for _ in range(2):
            with pytest.raises(aiohttp.ClientConnectorError) as failure:
                await session.get(f"https://{NAME}/")
            failures.append(type(failure.value.os_error))

    assert (failures, tried) == ([ConnectionRefusedError, AddressRefused], [(PUBLIC, 443)])


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]"])
async def test_a_written_address_is_not_connected_to_either(host: str, tried: list[tuple[str, int]]) -> None:
    """A name is looked up by the guard, an address goes past that: the socket is where both come by."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(**outbound.guard())) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as refused:
            await session.get(f"http://{host}:9/")

    assert isinstance(refused.value.os_error, AddressRefused)
    assert not tried


async def test_names_whose_servers_hang_are_only_so_many(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, hanging = threading.Event(), threading.Semaphore(0)

    def hang(*_: object, **__: object) -> list[Any]:
        hanging.release()
        goes_on.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    waiting = [asyncio.create_task(_failure(f"https://{NAME}/", seconds=60)) for _ in range(40)]
    for _ in range(32):
        await asyncio.to_thread(hanging.acquire)
    turned_away, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    while len(turned_away) < 8:
        more, _ = await asyncio.wait(set(waiting) - turned_away, return_when=asyncio.FIRST_COMPLETED)
        turned_away |= more

    # Who waits no longer waits for no name.
    assert await _failure(f"https://{NAME}/", seconds=60) == "unreachable"
    assert {task.result() for task in turned_away} == {"unreachable"}
    goes_on.set()
    assert await asyncio.gather(*waiting) == ["unreachable"] * 40
    names.answers[NAME] = [["127.0.0.1"]]
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    with pytest.raises(AddressRefused):
        await outbound.fetch(f"https://{NAME}/", max_bytes=100, seconds=60)


async def _failure(url: str, *, seconds: float) -> str:
    with pytest.raises(FetchFailed) as failure:
        await outbound.fetch(url, max_bytes=100, seconds=seconds)
    return failure.value.code
