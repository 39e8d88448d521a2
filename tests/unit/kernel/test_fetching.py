"""What lies at an address that somebody outside names: how much of it is fetched, from whom, and for how long."""

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import LazySettings

from apps.kernel import clock, outbound
from apps.kernel.outbound import AddressRefused, FetchFailed
from tests.names import Names

NAME = "models.example.com"
OK = b"HTTP/1.1 200 OK\r\n"
INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"
BOMB = gzip.compress(b"0" * 10_000_000, mtime=0)


async def _failure(url: str, *, seconds: float) -> str:
    with pytest.raises(FetchFailed) as failure:
        await outbound.fetch(url, max_bytes=100, seconds=seconds)
    return failure.value.code


@contextmanager
def serving(
    answer: bytes, *, tls: ssl.SSLContext | None = None, drop: bytes = b""
) -> Iterator[tuple[int, list[bytes]]]:
    """A server of raw bytes, then of `drop` until nobody listens; yields its port and what it was asked."""
    listener, asked, is_over = _listener(), list[bytes](), threading.Event()

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with suppress(OSError), tls.wrap_socket(connection, server_side=True) if tls else connection as peer:
                    asked.append(peer.recv(65536))
                    peer.sendall(answer)
                    while drop and not is_over.wait(0.01):
                        peer.sendall(drop)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield _port(listener), asked
    finally:
        is_over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


async def test_what_lies_there_is_fetched_without_a_word_of_this_machine(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(OK + b"Set-Cookie: a=b\r\nContent-Length: 4\r\n\r\nbody") as (port, asked):
        settings.OWN_MODELS_URL = f"http://127.0.0.1:{port}/v1"
        for _ in range(2):
            assert await outbound.fetch(f"{settings.OWN_MODELS_URL}/a.png", max_bytes=4, seconds=5) == b"body"

    heads = {head.lower().split(b":")[0] for head in asked[1].split(b"\r\n")[1:] if head}
    assert asked[1].startswith(b"GET /v1/a.png HTTP/1.1")
    assert heads == {b"host", b"accept", b"accept-encoding", b"user-agent", b"connection"}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", "not_there"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "not_there"),
        (OK + b"Content-Length: 101\r\n\r\n" + b"a" * 101, "too_large"),
        (OK + b"Content-Length: 999999999999\r\n\r\n", "too_large"),
        (OK + b"\r\n" + b"a" * 101, "too_large"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n65\r\n" + b"a" * 101 + b"\r\n0\r\n\r\n", "too_large"),
        (OK + b"Content-Length: 50\r\n\r\nless", "unreachable"),
        (OK + b"Content-Length: -1\r\n\r\n", "unreachable"),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + BOMB, "packed"),
        (OK + b"Content-Encoding: deflate, br\r\n\r\nx", "packed"),
        (OK + b"X: " + b"a" * 100_000 + b"\r\n\r\n", "unreachable"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "unreachable"),
        (b"", "unreachable"),
    ],
    ids=[
        *("redirect", "nothing", "long", "said to be long", "long unsaid", "long in chunks", "short", "negative"),
        *("packed", "packed twice", "long head", "no HTTP", "silence"),
    ],
)
async def test_what_is_no_answer_of_the_length_is_not_read(settings: LazySettings, answer: bytes, code: str) -> None:
    with serving(answer) as (port, _):
        settings.OWN_MODELS_URL = f"http://127.0.0.1:{port}"

        assert await _failure(f"{settings.OWN_MODELS_URL}/", seconds=10) == code


@pytest.mark.parametrize(
    ("answer", "drop"),
    [
        (OK + b"Content-Length: 100\r\n\r\n", b""),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
        (OK, b"X: y\r\n"),
        (b"", INTERIM),
    ],
    ids=["silent", "dripping", "heads", "interim"],
)
async def test_who_takes_too_long_is_left(settings: LazySettings, answer: bytes, drop: bytes) -> None:
    with serving(answer, drop=drop) as (port, _):
        settings.OWN_MODELS_URL = f"http://127.0.0.1:{port}"

        code = await _failure(f"{settings.OWN_MODELS_URL}/", seconds=0.3)

    # Who says nothing more hangs up, here; endless heads are too many before they are too late.
    assert code in {"too_slow", "unreachable"}


async def test_only_so_many_responses_are_heard_before_the_answer(settings: LazySettings) -> None:
    whole = OK + b"Content-Length: 4\r\n\r\nbody"
    with serving(INTERIM * 99 + whole) as (few, _), serving(INTERIM * 100 + whole) as (many, _):
        settings.OWN_MODELS_URL = f"http://127.0.0.1:{few}"
        assert await outbound.fetch(f"{settings.OWN_MODELS_URL}/", max_bytes=4, seconds=10) == b"body"

        settings.OWN_MODELS_URL = f"http://127.0.0.1:{many}"
        assert await _failure(f"{settings.OWN_MODELS_URL}/", seconds=10) == "unreachable"


async def test_tls_is_checked_against_the_name_and_not_the_address(
    settings: LazySettings, names: Names, tmp_path: Path
) -> None:
    """The address is pinned, but who answers there has to prove to be who was named."""
    certificate = _certificate(tmp_path, NAME)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    names.answers = {NAME: [["127.0.0.1"]], "other.example.com": [["127.0.0.1"]]}

    async def ask(host: str, port: int, trusted: ssl.SSLContext | bool) -> bytes:
        settings.OWN_MODELS_URL = f"https://{host}:{port}/v1"
        connector = aiohttp.TCPConnector(**outbound.guard(), ssl=trusted)
        async with aiohttp.ClientSession(connector=connector) as session, session.get(settings.OWN_MODELS_URL) as said:
            return await said.read()

    with serving(OK + b"Content-Length: 4\r\n\r\nbody", tls=server) as (port, _):
        assert await ask(NAME, port, trusting) == b"body"
        with pytest.raises(aiohttp.ClientConnectorCertificateError, match="mismatch"):
            await ask("other.example.com", port, trusting)
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await ask(NAME, port, True)


async def test_no_failure_names_the_address(names: Names) -> None:
    for url in (f"https://{NAME}/secret", "https://unknown.example.org/secret"):
        names.answers[NAME] = [["10.0.0.1"]]
        with pytest.raises((FetchFailed, AddressRefused)) as failure:
            await outbound.fetch(url, max_bytes=100, seconds=5)
        told = f"{failure.value!r} {failure.value.__cause__!r}"
        assert not any(word in told for word in ("secret", "example", "10.0"))


def _listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def _port(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def _certificate(directory: Path, name: str) -> Path:
    """A certificate of its own making, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = clock.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
