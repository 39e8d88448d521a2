"""kill -9 of `manage.py generate` in the middle of an answer: the text is kept, the quota is not lost."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings, settings
from django.db import connection

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState, PerTokens
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from config import env
from tests.integration.chat.conftest import generation, make_model, send, settled, wait_for
from tests.integration.chat.own_keys import OWN, enter, provider
from tests.integration.chat.upstream import Upstream, answer, piece

pytestmark = pytest.mark.django_db(transaction=True)


def start_engine(**more: str) -> "subprocess.Popen[bytes]":
    """The real command, on this test's database."""
    database = connection.settings_dict
    url = f"sqlite:///{database['NAME']}"
    if connection.vendor == "postgresql":
        url = f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.embedded",
        "CHATLOOP_VAR": str(settings.VAR_DIR),
        "SEALING_KEY": settings.SEALING_KEY,  # opens the channel keys that this test sealed
        "DATABASE_URL": url,
        "REDIS_URL": settings.REDIS_URL,
        **more,
    }
    return subprocess.Popen([sys.executable, "manage.py", "generate"], cwd=env.ROOT, env=environment)


@pytest.fixture
def engine_process(transactional_db: None) -> "Iterator[subprocess.Popen[bytes]]":
    process = start_engine()
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("price", [None, PerTokens(input_milli=200, cached_milli=50, output_milli=800)])
def test_a_killed_engine_loses_neither_text_nor_quota(
    rich_alice: Member, upstream: Upstream, engine_process: "subprocess.Popen[bytes]", price: PerTokens | None
) -> None:
    make_model(url=upstream.url, price=price)
    upstream.scripts["up-base"] = [piece("so far"), threading.Event()]
    asked = send(rich_alice.id)
    wait_for(lambda: generation(asked.generation.id).text == "so far", what="saved text")

    engine_process.kill()
    engine_process.wait()
    assert services.settle_abandoned(now=clock.now() + timedelta(seconds=20)) == 1

    row = generation(asked.generation.id)
    assert (row.state, row.error_code, row.text) == (GenerationState.INTERRUPTED, "engine_lost", "so far")
    quota = services.quota_of(user_id=rich_alice.id, now=clock.now())
    assert (row.charged_milli, quota.balance_milli, quota.held_milli) == (0, 5000, 0)
    assert [breach for check in all_invariants() for breach in check.check(clock.now())] == []

    # Its owner tries again, and another engine answers.
    upstream.scripts["up-base"] = answer("whole")
    successor = start_engine()
    again = services.regenerate_answer(
        user_id=rich_alice.id, message_id=asked.answer.id, model=None, client_id="client-0001", now=clock.now()
    )
    done, text = settled(rich_alice.id, again.generation.id)
    successor.terminate()

    assert (done.state, text) == (GenerationState.FINISHED, "whole")
    assert successor.wait(timeout=15) == 0


def test_a_killed_engine_costs_nobody_whose_own_key_asked_anything(
    rich_alice: Member, transactional_db: None, settings: LazySettings
) -> None:
    with provider(settings) as upstream:
        enter(rich_alice.id)
        # The process takes its own model server for the kind's place.
        engine = start_engine(PORT=str(urlsplit(upstream.url).port))
        try:
            upstream.scripts["up-base"] = [piece("so far"), threading.Event()]
            asked = send(rich_alice.id)
            wait_for(lambda: generation(asked.generation.id).text == "so far", what="saved text")
        finally:
            engine.kill()
            engine.wait()
        assert services.settle_abandoned(now=clock.now() + timedelta(seconds=20)) == 1

    row = generation(asked.generation.id)
    assert (row.state, row.text, row.charged_milli) == (GenerationState.INTERRUPTED, "so far", 0)
    quota = services.quota_of(user_id=rich_alice.id, now=clock.now())
    assert (quota.balance_milli, quota.held_milli, upstream.keys[-1]) == (5000, 0, f"Bearer {OWN}")
    assert [breach for check in all_invariants() for breach in check.check(clock.now())] == []
