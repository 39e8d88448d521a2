"""POST /v1/embeddings with the official client, unmodified, over the engine to the sandbox's models."""

import base64
import struct
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from django.conf import settings
from django.test import Client
from openai import OpenAI

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import PerTokens
from apps.chat.models import AnswerUsage, AnswerVectors, Attempt, Generation
from apps.kernel import clock
from apps.sandbox.engine import vectors
from tests.integration.chat.conftest import EngineThread, be_impatient, make_model
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_catalogue import IMAGES
from tests.integration.chat.test_v1_models import bearer, error_of, key_of

pytestmark = pytest.mark.django_db(transaction=True)

# A credit for a thousand tokens.
PRICE = PerTokens(input_milli=1000, cached_milli=0, output_milli=0)
TEXTS = ["the weather in Wuhan", "武汉的天气", "trains"]
# As the sandbox counts them.
TOKENS = 5 + 5 + 2


@pytest.fixture
def client(site: str, rich_alice: Member) -> Iterator[OpenAI]:
    """The official client with a key of Alice's."""
    with OpenAI(base_url=f"{site}/v1", api_key=key_of(rich_alice), max_retries=0) as made:
        yield made


def serve(site: str, upstream: str = vectors.MODEL, *, channel: str = "test", kind: str = "sandbox") -> None:
    """The model "index", which is the sandbox's of this name; further channels are asked behind the first."""
    if channel == "test":
        make_model("index", kind="embedding", price=PRICE, upstream=upstream, context_tokens=100, max_output_tokens=1)
    services.save_channel(
        code=channel, kind=kind, base_url=f"{site}/sandbox/llm/v1", api_key=settings.SANDBOX["MODEL_API_KEY"],
        now=clock.now(),
    )  # fmt: skip
    if channel != "test":
        services.save_route(
            model_code="index", channel_code=channel, upstream_name=upstream, priority=2, now=clock.now()
        )


def expected(text: str, dimensions: int = 64) -> list[float]:
    """The sandbox's vector of a text, as float32 has it."""
    asked = vectors.read({"model": vectors.MODEL, "input": text, "dimensions": dimensions, "encoding_format": "base64"})
    data = base64.b64decode(vectors.answer(asked)["data"][0]["embedding"])
    return list(struct.unpack(f"<{dimensions}f", data))


def paid(member: Member) -> tuple[int, int]:
    """What of Alice's five credits is gone, and what is held."""
    quota = services.quota_of(user_id=member.id, now=clock.now())
    return 5000 - quota.balance_milli, quota.held_milli


@pytest.mark.parametrize("kind", ["sandbox", "openai"])
def test_texts_become_vectors(client: OpenAI, site: str, rich_alice: Member, engine: EngineThread, kind: str) -> None:
    serve(site, kind=kind)

    said = client.embeddings.with_raw_response.create(model="index", input=TEXTS)

    told = said.parse()
    assert (told.object, told.model) == ("list", "index")
    assert [(each.object, each.index, each.embedding) for each in told.data] == [
        ("embedding", index, expected(text)) for index, text in enumerate(TEXTS)
    ]
    assert (told.usage.prompt_tokens, told.usage.total_tokens) == (TOKENS, TOKENS)
    assert said.headers["x-request-id"].startswith("req_")
    row = Generation.objects.get()
    # Our own count was held, its provider's is paid.
    assert (row.held_milli, row.charged_milli) == (row.asked_tokens, TOKENS)
    assert (row.state, row.is_delivered, row.text) == ("finished", True, "")
    usage = AnswerUsage.objects.get()
    assert (usage.input_tokens, usage.output_tokens, usage.vectors, usage.basis) == (TOKENS, 0, 3, "reported")
    assert paid(rich_alice) == (TOKENS, 0)
    # Handed out, and nowhere kept.
    assert AnswerVectors.objects.count() == 0
    assert_audit_is_clean()


def test_numbers_come_as_they_were_asked_for(client: OpenAI, site: str, engine: EngineThread) -> None:
    serve(site)

    def ask(**how: Any) -> Any:
        return client.post("/embeddings", body={"model": "index", "input": "trains", **how}, cast_to=httpx2.Response)

    plain, floats, packed = (ask(**how).json()["data"][0]["embedding"] for how in FORMATS)

    assert plain == floats == expected("trains")
    assert list(struct.unpack("<64f", base64.b64decode(packed))) == expected("trains")


FORMATS: tuple[dict[str, str], ...] = ({}, {"encoding_format": "float"}, {"encoding_format": "base64"})


def test_vectors_are_as_long_as_asked(client: OpenAI, site: str, engine: EngineThread) -> None:
    serve(site)

    said = client.embeddings.create(model="index", input="trains", dimensions=7, user="somebody")

    assert said.data[0].embedding == expected("trains", 7)
    assert Generation.objects.get().options == {"dimensions": 7}


def test_the_order_is_that_of_the_inputs(client: OpenAI, site: str, engine: EngineThread) -> None:
    serve(site, "fault-vectors-reversed")

    said = client.embeddings.create(model="index", input=TEXTS)

    assert [each.embedding for each in said.data] == [expected(text) for text in TEXTS]


NOTHING = {
    "vectors-short": (502, "upstream_garbled"),
    "vectors-twice": (502, "upstream_garbled"),
    "vectors-nan": (502, "upstream_garbled"),
    "vectors-words": (502, "upstream_garbled"),
    "vectors-garbage": (502, "upstream_garbled"),
    "vectors-uneven": (502, "upstream_garbled"),
    "500": (502, "upstream_failed"),
    "502-html": (502, "upstream_failed"),
    "429": (503, "upstream_busy"),
    "401": (502, "upstream_key_refused"),
    "402": (502, "upstream_arrears"),
    "400-1301": (400, "content_policy_violation"),
    "redirect": (502, "upstream_refused"),
    "json-error": (502, "upstream_failed"),
    "hang": (502, "upstream_timeout"),
    "drop-mid": (502, "upstream_unreachable"),
    "eof-no-done": (502, "upstream_garbled"),
    "gzip": (502, "upstream_garbled"),
}


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("fault", NOTHING)
def test_what_is_no_answer_costs_nothing(
    fault: str, client: OpenAI, site: str, rich_alice: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_impatient(monkeypatch, first_word_seconds=1.0)
    serve(site, f"fault-{fault}")

    with pytest.raises(openai.APIStatusError) as caught:
        client.embeddings.create(model="index", input=TEXTS)

    error: Any = caught.value.body
    assert (caught.value.status_code, error["code"]) == NOTHING[fault]
    assert error["param"] == ("input" if caught.value.status_code == 400 else None)
    row = Generation.objects.get()
    assert (row.state, row.is_delivered, row.charged_milli) == ("failed", False, 0)
    assert paid(rich_alice) == (0, 0)
    assert AnswerVectors.objects.count() == 0
    assert_audit_is_clean()


@pytest.mark.parametrize("fault", ["vectors-short", "500", "drop-mid"])
def test_another_channel_is_asked_where_the_first_has_none(
    fault: str, client: OpenAI, site: str, rich_alice: Member, engine: EngineThread
) -> None:
    serve(site, f"fault-{fault}")
    serve(site, channel="second")

    said = client.embeddings.create(model="index", input="trains")

    assert said.data[0].embedding == expected("trains")
    assert list(Attempt.objects.order_by("number").values_list("route__channel__code", flat=True)) == ["test", "second"]
    assert paid(rich_alice) == (2, 0)
    assert_audit_is_clean()


@pytest.mark.parametrize("fault", ["no-usage", "usage-zero"])
def test_what_nobody_counted_costs_our_count(
    fault: str, client: OpenAI, site: str, rich_alice: Member, engine: EngineThread
) -> None:
    serve(site, f"fault-{fault}")

    said = client.embeddings.create(model="index", input=TEXTS)

    row = Generation.objects.get()
    assert said.usage.prompt_tokens == row.prompt_tokens == row.asked_tokens == row.charged_milli
    assert paid(rich_alice) == (row.held_milli, 0)
    assert_audit_is_clean()


REFUSED: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "no model": ({"input": "a"}, "missing_required_parameter", "model"),
    "no input": ({"model": "index"}, "missing_required_parameter", "input"),
    "nothing": ({"model": "index", "input": []}, "invalid_value", "input"),
    "an empty text": ({"model": "index", "input": ["a", ""]}, "invalid_value", "input.1"),
    "a blank one": ({"model": "index", "input": " "}, "invalid_value", "input"),
    "an object": ({"model": "index", "input": {"a": 1}}, "invalid_value", "input"),
    "too many": ({"model": "index", "input": ["a"] * 2049}, "invalid_value", "input"),
    "tokens": ({"model": "index", "input": [1, 2, 3]}, "unsupported_parameter", "input"),
    "lists of tokens": ({"model": "index", "input": [[1, 2], [3]]}, "unsupported_parameter", "input"),
    "a text with NUL": ({"model": "index", "input": "a\0b"}, "invalid_value", "input.0"),
    "an unknown name": ({"model": "index", "input": "a", "truncate": True}, "unknown_parameter", "truncate"),
    "no dimensions": ({"model": "index", "input": "a", "dimensions": 0}, "invalid_value", "dimensions"),
    "dimensions of no number": ({"model": "index", "input": "a", "dimensions": True}, "invalid_value", "dimensions"),
    "a huge vector": ({"model": "index", "input": "a", "dimensions": 10**6}, "invalid_value", "dimensions"),
    "many long vectors": ({"model": "index", "input": ["a"] * 2048, "dimensions": 8192}, "invalid_value", "dimensions"),
    "another format": ({"model": "index", "input": "a", "encoding_format": "int8"}, "invalid_value", "encoding_format"),
    "a user of no name": ({"model": "index", "input": "a", "user": 5}, "invalid_value", "user"),
    "an input too long": ({"model": "index", "input": ["a", "天" * 101]}, "context_length_exceeded", "input.1"),
    "too much in all": ({"model": "index", "input": ["天" * 90] * 2048 * 2}, "invalid_value", "input"),
    "more than a request": ({"model": "index", "input": ["天" * 200] * 1501}, "context_length_exceeded", "input"),
    "a model of texts": ({"model": "writer", "input": "a"}, "model_embeds_nothing", "model"),
    "a model of images": ({"model": "painter", "input": "a"}, "model_embeds_nothing", "model"),
}


@pytest.mark.parametrize("body", REFUSED)
def test_what_cannot_be_asked_is_refused(body: str, rich_alice: Member, visitor: Client) -> None:
    make_model("index", kind="embedding", price=PRICE, context_tokens=100, max_output_tokens=1)
    make_model("writer")
    make_model("painter", kind="image", price=IMAGES)
    said, code, param = REFUSED[body]

    response = visitor.post("/v1/embeddings", said, content_type="application/json", headers=bearer(key_of(rich_alice)))

    error = error_of(response)
    assert (response.status_code, error["code"], error["param"]) == (400, code, param)
    assert error["type"] == "invalid_request_error"
    assert Generation.objects.count() == 0
    assert paid(rich_alice) == (0, 0)
