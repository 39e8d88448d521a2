"""What asking for embeddings shares with asking for answers, and how long vectors are kept: no longer than needed."""

import asyncio
import base64
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction
from django.test import Client, RequestFactory

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import selectors, services, tasks
from apps.chat.api.compatible import embeddings
from apps.chat.contracts import GenerationState, Job, ModelKind, Outcome, Vectors, WordAction
from apps.chat.models import AnswerVectors, Generation
from apps.chat.rules.embeddings import read_embedding
from apps.chat.words.lexicon import MASK
from apps.kernel import clock
from apps.sandbox.engine import vectors as sandbox
from tests.integration.chat.conftest import (
    EngineThread,
    make_model,
    set_limits,
    wait_for,
    whole_attempt,
)
from tests.integration.chat.crashes import breaches
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_v1_embeddings import PRICE, paid, serve
from tests.integration.chat.test_v1_models import bearer, error_of, key_of
from tests.integration.chat.test_word_lists import save_list

pytestmark = pytest.mark.django_db(transaction=True)

VECTOR = b"\x00\x00\x80\x3f" * 3


def make_index(**more: Any) -> None:
    """A model of embeddings that nobody answers for."""
    make_model("index", kind="embedding", price=PRICE, context_tokens=100, max_output_tokens=1, **more)


def ask(visitor: Client, key: str, *inputs: str) -> Any:
    """What comes of asking, of those who are refused."""
    body = {"model": "index", "input": list(inputs) or ["trains"]}
    return visitor.post("/v1/embeddings", body, content_type="application/json", headers=bearer(key))


def begun(member: Member, *inputs: str) -> Generation:
    """A generation of a key of this member's, in the queue."""
    identified = accounts.identify_key(key=key_of(member), address="", now=clock.now())
    asked = read_embedding({"model": "index", "input": list(inputs) or ["trains"]})
    started = services.start_embeddings(asked=asked, key=identified, address="", now=clock.now())
    return Generation.objects.get(pk=started.generations[0].id)


def ended(outcome: Outcome) -> Job:
    """The one job there is, ended so."""
    (job,) = services.claim_jobs(limit=9, now=clock.now())
    assert services.finish_run(
        generation_id=job.generation_id,
        lease_token=job.lease_token,
        outcome=outcome,
        now=clock.now(),
        attempt=whole_attempt(job),
    )
    return job


def made(*, count: int = 1) -> Outcome:
    return Outcome(
        state=GenerationState.FINISHED, text="", outputs=(VECTOR,) * count, finish_reason="stop", was_taken=True
    )


def test_a_job_of_embeddings_says_so_and_has_every_input(rich_alice: Member) -> None:
    make_index()
    inputs = [f"text {number}" for number in range(300)]
    begun(rich_alice, *inputs)

    (job,) = services.claim_jobs(limit=9, now=clock.now())

    assert job.kind is ModelKind.EMBEDDING
    (turn,) = job.turns
    assert [part.text for part in turn.parts] == inputs  # type: ignore[union-attr]


def test_vectors_are_handed_out_once_and_to_nobody_else(rich_alice: Member, bob: Member) -> None:
    make_index()
    begun(rich_alice, "a", "b")
    job = ended(made(count=2))

    assert services.take_vectors(user_id=bob.id, generation_id=job.generation_id) is None
    taken = services.take_vectors(user_id=rich_alice.id, generation_id=job.generation_id)

    assert taken is not None
    assert (taken.dimensions, taken.rows) == (3, (VECTOR, VECTOR))
    assert services.take_vectors(user_id=rich_alice.id, generation_id=job.generation_id) is None
    assert_audit_is_clean()


def test_vectors_that_nobody_takes_are_forgotten(rich_alice: Member) -> None:
    make_index()
    begun(rich_alice)
    ended(made())
    tasks.forget_vectors()
    assert AnswerVectors.objects.count() == 1

    AnswerVectors.objects.update(created_at=clock.now() - timedelta(minutes=11))
    tasks.forget_vectors()

    assert AnswerVectors.objects.count() == 0


def test_the_audit_names_vectors_that_were_kept(rich_alice: Member) -> None:
    make_index()
    begun(rich_alice)
    job = ended(made())
    AnswerVectors.objects.update(created_at=clock.now() - timedelta(hours=2))

    (breach,) = breaches(clock.now())

    assert f"embeddings of generation {job.generation_id}" in breach


def test_vectors_are_erased_with_the_account(rich_alice: Member) -> None:
    make_index()
    begun(rich_alice)
    ended(made())

    with transaction.atomic():
        services.erase_texts(user_id=rich_alice.id, now=clock.now())

    assert AnswerVectors.objects.count() == 0
    assert Generation.objects.get().request is None


def test_an_engine_that_dies_costs_nobody_anything(rich_alice: Member) -> None:
    make_index()
    row = begun(rich_alice)
    services.claim_jobs(limit=9, now=clock.now())
    assert paid(rich_alice) == (0, row.held_milli)

    assert services.settle_abandoned(now=clock.now() + timedelta(seconds=20)) == 1

    row = Generation.objects.get()
    assert (row.state, row.charged_milli, row.is_delivered) == ("interrupted", 0, False)
    assert paid(rich_alice) == (0, 0)


def test_a_free_use_pays_for_no_embeddings(alice: Member, visitor: Client) -> None:
    set_limits(free_per_day=5)
    make_index(is_in_free_allowance=True)

    response = ask(visitor, key_of(alice))

    assert (response.status_code, error_of(response)["code"]) == (429, "credit_balance_exhausted")
    (offer,) = services.models_for(user_id=alice.id, now=clock.now())
    assert (offer.in_free_allowance, offer.affordable) == (False, False)


def test_operators_words_are_looked_for_in_every_input(rich_alice: Member, visitor: Client) -> None:
    make_index()
    save_list(WordAction.REJECT, "plum")
    save_list(WordAction.MASK, "pear", code="masked")

    refused = ask(visitor, key_of(rich_alice), "apple", "a plum")
    begun(rich_alice, "apple", "a pear")

    error = error_of(refused)
    assert (refused.status_code, error["code"], error["param"]) == (400, "content_policy_violation", "input")
    (turn,) = Generation.objects.get().request or []
    assert [part["text"] for part in turn["parts"]] == ["apple", f"a {MASK * 4}"]


def test_what_a_key_may_not_do_it_may_not_do_here(rich_alice: Member, visitor: Client) -> None:
    make_index()
    keys: dict[str, Any] = {
        "model_not_allowed": {"allowed_models": ("other",)},
        "project_spend_limit_exceeded": {"spend_cap_milli": 1},
        "rate_limit_exceeded": {"requests_per_minute": 1},
        "concurrency": {"max_parallel": 1},
    }
    codes = {}
    for code, limits in keys.items():
        key = key_of(rich_alice, **limits)
        if code in ("rate_limit_exceeded", "concurrency"):
            identified = accounts.identify_key(key=key, address="", now=clock.now())
            services.start_embeddings(
                asked=read_embedding({"model": "index", "input": "a"}), key=identified, address="", now=clock.now()
            )
        codes[code] = error_of(ask(visitor, key))["code"]

    assert codes == {code: code for code in keys}
    assert Generation.objects.count() == 2


@pytest.mark.parametrize("is_base64", [False, True])
def test_many_vectors_are_never_one_piece(rich_alice: Member, is_base64: bool) -> None:
    """What is put together at once holds the process, and all streams in it."""
    make_index()
    generation = selectors.generation_detail(begun(rich_alice))
    vectors = Vectors(dimensions=3, rows=(VECTOR,) * 500)

    parts = asyncio.run(embeddings.in_parts(vectors, generation=generation, is_base64=is_base64))

    whole = b"".join(parts)
    assert max(map(len, parts)) < len(whole) / 20
    document = json.loads(whole)
    assert [each["index"] for each in document["data"]] == list(range(500))
    said = base64.b64encode(VECTOR).decode() if is_base64 else [1.0, 1.0, 1.0]
    assert all(each["embedding"] == said for each in document["data"])
    assert document["model"] == "index"


def test_the_sandbox_writes_the_same_vector_by_vector() -> None:
    for model in (sandbox.MODEL, "fault-vectors-uneven", "fault-no-usage"):
        asked = sandbox.read({"model": model, "input": ["one", "two", "one two"], "dimensions": 9})
        assert json.loads(sandbox.document(asked)) == sandbox.answer(asked)


@contextmanager
def leaving(site: str, key: str) -> Iterator[socket.socket]:
    """A connection over which embeddings were asked for."""
    body = json.dumps({"model": "index", "input": "trains"})
    address = urlsplit(site)
    with socket.create_connection((address.hostname, address.port), timeout=15) as asked:
        head = f"POST /v1/embeddings HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {key}\r\n"
        asked.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        yield asked


def test_who_leaves_stops_them_and_pays_nothing(site: str, rich_alice: Member, engine: EngineThread) -> None:
    serve(site, "fault-hang")

    with leaving(site, key_of(rich_alice)):
        wait_for(lambda: Generation.objects.filter(state="running").exists(), what="the engine to ask")

    wait_for(lambda: Generation.objects.get().settled_at, what="a settled generation")
    row = Generation.objects.get()
    assert (row.state, row.is_delivered, row.charged_milli) == ("stopped", False, 0)
    assert paid(rich_alice) == (0, 0)
    assert AnswerVectors.objects.count() == 0
    assert_audit_is_clean()


def test_vectors_that_are_gone_before_they_are_told_are_not_called_free(rich_alice: Member, rf: RequestFactory) -> None:
    make_index()
    row = begun(rich_alice)
    ended(made())
    services.forget_vectors(now=clock.now() + timedelta(days=1))
    detail = selectors.generation_detail(Generation.objects.get(pk=row.pk))
    assert detail.charged_milli > 0

    refusal = async_to_sync(embeddings._why)(rf.post("/v1/embeddings"), detail)

    assert (refusal.status, refusal.code) == (500, "internal")
    assert refusal.headers["x-should-retry"] == "false"
