"""The events of an attempt over real HTTP: told to its browser, to nobody else, without holding a connection."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from django.conf import settings
from django.db import connection
from django.test import Client

from apps.accounts.models import LoginAttempt
from config.asgi import application
from tests.cast import Phone
from tests.integration.accounts.test_sign_in import ATTEMPTS, start
from tests.integration.accounts.wechat_server import WeChat, wechat

__all__ = ["wechat"]
pytestmark = pytest.mark.django_db(transaction=True)

_PATIENCE_SECONDS = 10.0


def wait_for(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


@pytest.fixture
def server(transactional_db: None) -> Iterator[str]:
    """The whole site under uvicorn; host and port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="site")
    thread.start()
    wait_for(lambda: server.started, "uvicorn")
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(_PATIENCE_SECONDS)
    assert not thread.is_alive(), "the site did not end"


@contextmanager
def opened(server: str, attempt: dict[str, Any], secret: str, method: str = "GET") -> Iterator[Any]:
    """The answer to this browser's request for events."""
    channel = http.client.HTTPConnection(urlsplit(f"//{server}").netloc, timeout=_PATIENCE_SECONDS)
    channel.request(method, f"{ATTEMPTS}/{attempt['id']}/events", headers={"Cookie": f"login_attempt={secret}"})
    response = channel.getresponse()
    try:
        yield response
    finally:
        response.close()  # it holds the socket open beyond its connection
        channel.close()


def states(stream: Any) -> Iterator[str]:
    """The states as they come, to the end."""
    for line in stream:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])["state"]


def opened_attempt() -> tuple[Client, dict[str, Any], str]:
    browser = Client()
    attempt = start(browser)
    return browser, attempt, browser.cookies["login_attempt"].value


def test_the_page_hears_of_the_scan_and_of_the_yes_and_then_collects_the_session(
    server: str, wechat: WeChat, phone: Phone
) -> None:
    browser, attempt, secret = opened_attempt()
    with opened(server, attempt, secret) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["X-Accel-Buffering"] == "no"
        assert "Set-Cookie" not in stream.headers
        told = states(stream)
        assert next(told) == "waiting"
        phone.scan(scene=wechat.scene, ticket=wechat.tickets[wechat.scene])
        assert next(told) == "scanned"
        phone.confirm()
        assert list(told) == ["confirmed"]
    assert LoginAttempt.objects.get().session_at is None
    assert browser.get(f"{ATTEMPTS}/{attempt['id']}").json() == {"state": "confirmed"}
    assert browser.get("/api/v1/me").status_code == 200


def test_without_redis_the_page_hears_of_it_a_moment_later(
    server: str, wechat: WeChat, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
    _, attempt, secret = opened_attempt()
    with opened(server, attempt, secret) as stream:
        told = states(stream)
        assert next(told) == "waiting"
        phone.scan(scene=wechat.scene, ticket=wechat.tickets[wechat.scene])
        assert next(told) == "scanned"
        phone.text("0")
        assert list(told) == ["refused"]


def test_an_attempt_that_is_over_is_told_at_once(server: str, wechat: WeChat) -> None:
    _, attempt, secret = opened_attempt()
    LoginAttempt.objects.update(tries=5)
    with opened(server, attempt, secret) as stream:
        assert list(states(stream)) == ["expired"]


def test_another_browser_hears_nothing(server: str, wechat: WeChat) -> None:
    _, attempt, _ = opened_attempt()
    for secret in ("", "guessed", wechat.scene):
        with opened(server, attempt, secret) as refusal:
            assert refusal.status == 404
            assert json.loads(refusal.read())["code"] == "login_attempt_not_found"
    with opened(server, attempt, "", method="HEAD") as refusal:
        assert refusal.status == 405


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only a server knows its connections")
def test_an_open_page_holds_no_database_connection(server: str, wechat: WeChat) -> None:
    _, attempt, secret = opened_attempt()
    with opened(server, attempt, secret) as stream:
        assert next(states(stream)) == "waiting"
        wait_for(lambda: _connections_in_use() == 1, "only this test's connection to be busy")


def _connections_in_use() -> int:
    stats = connection.pool.get_stats()  # type: ignore[attr-defined]  # PostgreSQL's wrapper has it
    return int(stats["pool_size"] - stats["pool_available"])


def test_an_attempt_may_be_watched_in_a_few_tabs_but_not_in_any_number(server: str) -> None:
    _, attempt, secret = opened_attempt()

    with ExitStack() as tabs:
        for _ in range(6):
            assert tabs.enter_context(opened(server, attempt, secret)).status == 200
        with opened(server, attempt, secret) as refused:
            assert (refused.status, json.loads(refused.read())["code"]) == (429, "too_many_readers")
            assert int(refused.headers["Retry-After"]) > 0

    def is_welcome() -> bool:
        with opened(server, attempt, secret) as stream:
            return bool(stream.status == 200)

    wait_for(is_welcome, "a place that those who left have given back")


def test_one_network_takes_only_so_many_streams_and_gives_them_back(server: str) -> None:
    attempts = [opened_attempt() for _ in range(18)]

    with ExitStack() as browsers:
        statuses = [
            browsers.enter_context(opened(server, attempt, secret)).status
            for _, attempt, secret in attempts
            for _ in range(6)
        ]

    assert statuses == [200] * 100 + [429] * 8
