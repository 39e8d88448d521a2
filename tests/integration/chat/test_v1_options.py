"""What a program asks of its answer beside the question goes upstream, is paid for, and is erased with it."""

import json
import threading
from typing import Any

import openai
import pytest
from django.db import transaction
from openai import OpenAI

from apps.accounts.contracts import Member
from apps.chat import rules, services
from apps.chat.contracts import ListedWords, PerTokens, WordAction
from apps.chat.models import Generation, WordHit
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread, give_quota, set_limits
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_v1_completions import HELLO, client, only, paid
from tests.integration.chat.test_v1_models import key_of
from tests.integration.chat.upstream import Upstream, answer

__all__ = ["client"]

pytestmark = pytest.mark.django_db(transaction=True)

SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "description": "where it is"}}}
FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}}
OPTIONS: Any = {"temperature": 0.2, "top_p": 0.9, "seed": 7, "stop": ["END"], "response_format": FORMAT}


def list_words(action: WordAction, word: str) -> None:
    services.save_word_list(
        code="listed", name="Listed", action=action, listed=ListedWords(words=(word,)), actor="staff:1",
        reason="test", now=clock.now(),
    )  # fmt: skip


@pytest.mark.parametrize("is_streamed", [False, True])
def test_options_go_upstream_as_they_are_said(
    is_streamed: bool, client: OpenAI, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer('{"city": "Hefei"}')

    said: Any = client.chat.completions.create(
        model="base", messages=HELLO, stream=is_streamed, user="ann", reasoning_effort="low", **OPTIONS
    )
    list(said)

    asked = upstream.requests[-1]
    assert {name: asked[name] for name in (*OPTIONS, "reasoning_effort")} == {**OPTIONS, "reasoning_effort": "low"}
    assert asked["messages"] == HELLO
    # Who asks here is told to nobody.
    assert "user" not in asked
    assert_audit_is_clean()


def test_a_question_without_options_is_asked_without_any(
    client: OpenAI, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("yes")

    client.chat.completions.create(model="base", messages=HELLO, response_format={"type": "text"}, stop=[])

    assert upstream.requests[-1].keys() == {"model", "messages", "stream", "max_tokens", "stream_options"}
    assert only().options is None


def test_a_model_that_refuses_a_shade_is_asked_without_it_and_so_it_is_from_then_on(
    client: OpenAI, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("yes")
    upstream.refused_options["temperature"] = {
        "error": {"code": "unsupported_value", "param": "temperature", "type": "invalid_request_error", "message": "no"}
    }

    for _ in range(2):
        told = client.chat.completions.create(model="base", messages=HELLO, temperature=0.3, seed=5)
        assert told.choices[0].message.content == "yes"

    assert ["temperature" in asked for asked in upstream.requests] == [True, False, False]
    assert [asked["seed"] for asked in upstream.requests] == [5, 5, 5]


def test_a_format_is_part_of_what_is_read_and_set_aside_for(
    site: str, alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    set_limits(free_per_day=0)
    give_quota(alice.id, 100_000)
    prices = PerTokens(input_milli=1000, cached_milli=1000, output_milli=1000)
    services.save_model(code="base", name="Base", price=prices, now=clock.now())
    upstream.scripts["up-base"] = answer("yes")

    with OpenAI(base_url=f"{site}/v1", api_key=key_of(alice)) as client:
        client.chat.completions.create(model="base", messages=HELLO, max_tokens=10)
        client.chat.completions.create(model="base", messages=HELLO, max_tokens=10, response_format=FORMAT)

    plain, formatted = Generation.objects.order_by("pk")
    more = rules.option_tokens({"response_format": FORMAT})
    assert more > 20
    assert formatted.asked_tokens - plain.asked_tokens == more
    assert formatted.held_milli - plain.held_milli == more
    assert_audit_is_clean()


def test_a_format_that_no_question_leaves_room_for_is_too_long(client: OpenAI, rich_alice: Member, model: str) -> None:
    services.save_model(code="base", name="Base", price_milli=1000, context_tokens=4000, now=clock.now())
    schema: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"description": "x " * 10_000}}}

    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            model="base",
            messages=HELLO,
            response_format=schema,
        )

    assert refused.value.code == "context_length_exceeded"
    assert (Generation.objects.count(), paid(rich_alice)) == (0, 0)


@pytest.mark.parametrize("action", [WordAction.REJECT, WordAction.MASK])
@pytest.mark.parametrize("carrier", ["description", "name", "cut into values", "cut at a name", "stop", "stops"])
def test_a_word_in_what_cannot_be_changed_refuses_it(
    action: WordAction, carrier: str, client: OpenAI, rich_alice: Member, model: str
) -> None:
    list_words(action, "badword")
    said: Any = {
        "description": {
            "response_format": {**FORMAT, "json_schema": {"name": "x", "schema": {"description": "a badword"}}}
        },
        "name": {
            "response_format": {**FORMAT, "json_schema": {"name": "x", "schema": {"properties": {"badword": {}}}}}
        },
        "cut into values": {
            "response_format": {**FORMAT, "json_schema": {"name": "x", "schema": {"enum": ["bad", "word"]}}}
        },
        "cut at a name": {"response_format": {**FORMAT, "json_schema": {"name": "x", "schema": {"bad": "word"}}}},
        "stop": {"stop": ["badword"]},
        "stops": {"stop": ["ba", "dword"]},
    }[carrier]

    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="base", messages=HELLO, **said)

    assert refused.value.code == "content_policy_violation"
    assert (Generation.objects.count(), paid(rich_alice)) == (0, 0)
    assert [(hit.found_by, hit.times) for hit in WordHit.objects.all()] == [("listed", 1)]


def test_a_word_that_is_only_recorded_goes_upstream_in_a_format(
    client: OpenAI, upstream: Upstream, engine: EngineThread
) -> None:
    list_words(WordAction.FLAG, "city")
    upstream.scripts["up-base"] = answer("yes")

    client.chat.completions.create(model="base", messages=HELLO, response_format=FORMAT)

    assert upstream.requests[-1]["response_format"] == FORMAT
    assert [(hit.found_by, hit.generation_id) for hit in WordHit.objects.all()] == [("listed", only().pk)]


def test_options_are_in_the_export_and_are_erased_with_the_request(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("yes")
    client.chat.completions.create(model="base", messages=HELLO, **OPTIONS)

    (told,) = services.export_generations(user_id=rich_alice.id)
    assert json.loads(json.dumps(told["options"])) == OPTIONS

    with transaction.atomic():
        services.erase_texts(user_id=rich_alice.id, now=clock.now())
    assert (only().options, only().request, only().text) == (None, None, "")
    assert_audit_is_clean()


def test_a_format_a_megabyte_deep_is_refused_and_nothing_is_kept(
    client: OpenAI, rich_alice: Member, model: str
) -> None:
    schema: Any = {}
    for _ in range(300):
        schema = {"properties": {"a" * 3000: schema}}

    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            model="base",
            messages=HELLO,
            response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
        )

    assert (refused.value.code, refused.value.param) == ("invalid_value", "response_format")
    assert (Generation.objects.count(), paid(rich_alice)) == (0, 0)


def test_a_running_answer_keeps_the_options_that_it_was_asked_with(
    client: OpenAI, upstream: Upstream, engine: EngineThread
) -> None:
    gate = threading.Event()
    upstream.scripts["up-base"] = [gate, *answer("yes")]

    stream = client.chat.completions.create(model="base", messages=HELLO, stream=True, temperature=1)
    assert only().options == {"temperature": 1}
    gate.set()
    list(stream)

    assert only().options == {"temperature": 1}
