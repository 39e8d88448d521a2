"""The database restarts while answers are written: what was paid for is told, and nobody is refused afterwards."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client
from openai import OpenAI

from apps.accounts.contracts import Member
from apps.chat.models import Generation
from tests.integration.chat.conftest import EngineThread, wait_for
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_v1_completions import HELLO, client, paid
from tests.integration.chat.test_v1_models import bearer, key_of
from tests.integration.chat.upstream import Silence, Upstream, answer, piece

__all__ = ["client"]

_THREADS = 12

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]


def restart() -> int:
    """End every connection but ours, as the server's end would; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def fill_the_pool() -> None:
    """Have it keep as many connections as there are threads that ask."""
    together = Barrier(_THREADS)

    def use() -> None:
        connection.ensure_connection()
        together.wait(30)
        connection.close()

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda _: use(), range(_THREADS)))


def at_once(client: OpenAI) -> str:
    return client.chat.completions.create(model="base", messages=HELLO).choices[0].message.content or ""


def streamed(client: OpenAI) -> str:
    chunks = client.chat.completions.create(model="base", messages=HELLO, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


@pytest.mark.parametrize("ask", [at_once, streamed])
def test_an_answer_is_told_though_the_database_restarts(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread, ask: Callable[[OpenAI], str]
) -> None:
    gate = Silence()
    upstream.scripts["up-base"] = [piece("before "), gate, *answer("after")]

    fill_the_pool()
    once = client.with_options(max_retries=0)
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(ask, once)
        wait_for(lambda: Generation.objects.filter(text="before ").exists(), what="a text that is saved")
        # The pool of this process keeps what it had.
        assert restart() >= _THREADS
        gate.set()
        assert told.result() == "before after"

    assert paid(rich_alice) == 1000
    assert_audit_is_clean()


def test_nobody_is_refused_for_a_connection_that_ended_before(visitor: Client, rich_alice: Member) -> None:
    known = bearer(key_of(rich_alice))
    fill_the_pool()
    assert restart() >= _THREADS

    def ask() -> int:
        try:
            return int(visitor.get("/v1/models", headers=known).status_code)
        finally:
            connection.close()

    # One hears of it, and all are made anew.
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(ask).result() == 503
    with ThreadPoolExecutor(_THREADS) as pool:
        assert {answer.result() for answer in [pool.submit(ask) for _ in range(3 * _THREADS)]} == {200}
