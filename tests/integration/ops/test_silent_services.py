"""Who asks is answered in time although the database or Redis is silent, locked or full."""

import http.client
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from apps.kernel import clock
from config import env
from config.deadline import MOST_UNFINISHED
from tests.cast import signed_query
from tests.integration.accounts.test_callback import LOGIN, message

# What WeChat and a load balancer wait for us, with what a loaded machine takes beside.
CALLBACK_WITHIN, READY_WITHIN = 4.9, 4.0
_STARTS_WITHIN = 90.0  # seconds


@contextmanager
def silence() -> Iterator[int]:
    """A port that takes every connection and says nothing."""
    with socket.socket() as server, ExitStack() as taken:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def take() -> None:
            while True:
                try:
                    taken.enter_context(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


class Web:
    """One web process of the embedded set-up."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, str, float]:
        """Status, body, and how many seconds they took."""
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": "text/xml"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), time.monotonic() - started
        finally:
            connection.close()

    def knock(self, body: bytes) -> tuple[int, str, float]:
        """What WeChat hears when it delivers this message."""
        return self.ask("POST", f"/wechat/callback?{signed_query(int(clock.now().timestamp()))}", body)

    def is_up(self) -> bool:
        """Does it answer?"""
        try:
            return self.ask("GET", "/healthz")[0] == 200
        except OSError:
            return False


@contextmanager
def serving(var: Path, **environment: str) -> Iterator[Web]:
    """A web process with this environment, once it answers."""
    shutil.copy(env.var_dir() / "keys.json", var)  # this process signs as WeChat
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port), "--lifespan", "off"]
    process = subprocess.Popen(
        command,
        cwd=env.ROOT,
        env={"PATH": os.environ["PATH"], "CHATLOOP_VAR": str(var), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        web = Web(port)
        deadline = time.monotonic() + _STARTS_WITHIN
        while not web.is_up():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield web
    finally:
        process.kill()
        process.wait()


def is_busy(answer: tuple[int, str, float]) -> bool:
    """A reply in time that asks the follower to send it again."""
    status, text, seconds = answer
    return status == 200 and "请过一分钟再发一次" in text and seconds < CALLBACK_WITHIN


def code_in(answer: tuple[int, str, float]) -> str:
    """The login code of a reply."""
    return str(re.findall(r"登录码[:：]\s*([A-Z0-9]{6})", answer[1])[0])


def test_a_database_and_a_redis_that_take_connections_and_say_nothing(tmp_path: Path) -> None:
    with silence() as port:
        silent = {"DATABASE_URL": f"postgres://a:b@127.0.0.1:{port}/c", "REDIS_URL": f"redis://127.0.0.1:{port}/0"}
        with serving(tmp_path, **silent) as web:
            assert is_busy(web.knock(message(LOGIN)))
            assert is_busy(web.knock(message(LOGIN, "oFollower0002")))
            status, text, seconds = web.ask("GET", "/readyz")
            assert (status, json.loads(text)["missing"]) == (503, ["database", "redis"])
            assert seconds < READY_WITHIN
            status, text, _ = web.ask("GET", "/api/v1/products")
            assert (status, json.loads(text)["code"]) == (503, "busy")


def test_a_locked_sqlite_is_busy_and_the_repeat_finds_the_reply(tmp_path: Path, migrated_file: Path) -> None:
    shutil.copy(migrated_file, tmp_path / "chatloop.sqlite3")
    body = message(LOGIN)
    with serving(tmp_path) as web:
        with sqlite3.connect(tmp_path / "chatloop.sqlite3", isolation_level=None) as holder:
            holder.execute("BEGIN IMMEDIATE")
            assert is_busy(web.knock(body))
            holder.execute("ROLLBACK")
        holder.close()
        first, second = web.knock(body), web.knock(body)

    assert code_in(first) == code_in(second)


def test_a_signature_that_could_not_be_written_down_signs_nothing_else(tmp_path: Path, migrated_file: Path) -> None:
    """Every access log shows it, and for five minutes it would sign a hand-made message of the same follower."""
    shutil.copy(migrated_file, tmp_path / "chatloop.sqlite3")
    now = int(clock.now().timestamp())
    answered, verified = f"/wechat/callback?{signed_query(now)}", f"/wechat/callback?{signed_query(now)}"
    body = message("<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[hello]]></Content><MsgId>5</MsgId>")
    with serving(tmp_path) as web:
        with sqlite3.connect(tmp_path / "chatloop.sqlite3", isolation_level=None) as holder:
            holder.execute("BEGIN IMMEDIATE")
            assert is_busy(web.ask("POST", answered, body))
            web.ask("GET", f"{verified}&echostr=1")
            holder.execute("ROLLBACK")
        holder.close()
        forged = [web.ask("POST", query, message(LOGIN))[0] for query in (answered, verified)]
        repeated = web.ask("POST", answered, body)[0]

    assert (forged, repeated) == ([403, 403], 200)


def test_strangers_take_no_place_from_wechat(tmp_path: Path) -> None:
    """They are refused before anything is asked, however many come at once."""
    with silence() as port:
        silent = {"DATABASE_URL": f"postgres://a:b@127.0.0.1:{port}/c", "REDIS_URL": f"redis://127.0.0.1:{port}/0"}
        with serving(tmp_path, **silent) as web:
            query = f"signature={'0' * 40}&timestamp={int(clock.now().timestamp())}&nonce=1"
            refused = [web.ask("POST", f"/wechat/callback?{query}", message(LOGIN)) for _ in range(MOST_UNFINISHED + 1)]

    assert {status for status, _, _ in refused} == {403}
    assert max(seconds for _, _, seconds in refused) < CALLBACK_WITHIN


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_held_locks_and_a_full_pool_of_postgresql(tmp_path: Path) -> None:
    at = connection.settings_dict
    database = f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
    body = message(LOGIN)
    with serving(tmp_path, DATABASE_URL=database, DATABASE_POOL_SIZE="1", REDIS_URL=env.text("REDIS_URL")) as web:
        with psycopg.connect(database) as holder:
            holder.execute("LOCK TABLE accounts_usedsignature, accounts_callbackmessage IN ACCESS EXCLUSIVE MODE")
            answers: list[tuple[int, str, float]] = []
            followers = [threading.Thread(target=lambda: answers.append(web.knock(body))) for _ in range(3)]
            for follower in followers:
                follower.start()
            # Their work holds the only connection, or waits for it.
            status, text, seconds = web.ask("GET", "/readyz")
            for follower in followers:
                follower.join()
            assert [is_busy(answer) for answer in answers] == [True] * 3, answers
            assert seconds < READY_WITHIN
            assert (status, json.loads(text)["missing"]) in [(503, ["database"]), (200, [])]
            holder.rollback()
        first, second = web.knock(body), web.knock(body)

    assert code_in(first) == code_in(second)
