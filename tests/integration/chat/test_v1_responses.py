"""OpenAI's responses with the official client, unmodified: whole and streamed, with tools, and what ends otherwise."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState
from apps.chat.models import Generation
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread, give_quota, make_model, set_limits
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_v1_completions import client, only, paid, wait_until_settled
from tests.integration.chat.test_v1_models import bearer, error_of, key_of
from tests.integration.chat.test_v1_sandbox import client_of
from tests.integration.chat.upstream import Drop, Upstream, answer, event, failure, piece, reason

__all__ = ["client"]

pytestmark = pytest.mark.django_db(transaction=True)

TOOLS: Any = [
    {
        "type": "function",
        "name": "weather",
        "description": "what it is like",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        "strict": False,
    }
]


@pytest.fixture
def _systems_may_speak(db: None) -> None:
    services.save_rule(code="system-prompts", is_on=False, place=None, actor="staff:1", reason="t", now=clock.now())


def thought(text: str) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"reasoning_content": text}, "finish_reason": None}]})


def kinds(events: Iterator[Any]) -> list[str]:
    """The types of events, deltas in a row as one; their numbers are looked at."""
    seen: list[str] = []
    for number, each in enumerate(events):
        assert each.sequence_number == number
        if not (seen and seen[-1] == each.type and each.type.endswith(".delta")):
            seen.append(each.type)
    return seen


def test_a_response_comes_at_once(client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = [thought("hm"), *answer("你好，", "world")]

    told: Any = client.responses.create(
        model="base", input="hello", max_output_tokens=50, temperature=0.5, metadata={"a": "b"}, store=True
    )

    row = only()
    assert (told.id, told.object, told.status, told.model) == (f"resp_{row.pk.hex}", "response", "completed", "base")
    assert told.output_text == "你好，world"
    assert [item.type for item in told.output] == ["reasoning", "message"]
    assert told.output[0].summary[0].text == "hm"
    assert told.usage is not None
    assert (told.usage.input_tokens, told.usage.output_tokens, told.usage.total_tokens) == (7, 5, 12)
    assert (told.temperature, told.metadata, told.max_output_tokens, told.model_extra["store"]) == (
        0.5,
        {"a": "b"},
        50,
        False,
    )
    assert (told.error, told.incomplete_details, told.previous_response_id) == (None, None, None)
    assert upstream.requests[-1]["messages"] == [{"role": "user", "content": "hello"}]
    assert (upstream.requests[-1]["max_tokens"], upstream.requests[-1]["temperature"]) == (50, 0.5)
    assert paid(rich_alice) == 1000
    assert_audit_is_clean()


def test_the_events_of_a_text_come_in_their_order(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    gate = threading.Event()
    upstream.scripts["up-base"] = [piece("你好，"), gate, *answer("world")]
    events: list[Any] = []

    for each in client.responses.create(model="base", input="hello", stream=True):
        events.append(each)
        if each.type == "response.output_text.delta":
            gate.set()

    assert kinds(iter(events)) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert "".join(each.delta for each in events if each.type == "response.output_text.delta") == "你好，world"
    assert len({each.item_id for each in events if hasattr(each, "item_id")}) == 1
    assert len({each.response.id for each in events if hasattr(each, "response")}) == 1
    last = events[-1]
    assert last.type == "response.completed"
    assert (last.response.output_text, last.response.usage.total_tokens) == ("你好，world", 12)
    assert paid(rich_alice) == 1000


def test_the_clients_own_helper_follows_thoughts_and_text(
    client: OpenAI, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [thought("let me "), thought("see"), *answer("one ", "two")]

    with client.responses.stream(model="base", input="hello") as stream:
        seen = [each.type for each in stream]
        final: Any = stream.get_final_response()

    assert final.output_text == "one two"
    assert [item.type for item in final.output] == ["reasoning", "message"]
    assert seen.index("response.reasoning_summary_text.done") < seen.index("response.content_part.added")


def test_tools_are_called_and_answered(site: str, rich_alice: Member, engine: EngineThread) -> None:
    asked: Any = [{"role": "user", "content": "weather, please"}]
    with client_of(site, rich_alice, "demo-swift") as made:
        with made.responses.stream(model="base", input=asked, tools=TOOLS) as stream:
            events = list(stream)
            first: Any = stream.get_final_response()
        (call,) = first.output
        assert call.type == "function_call"
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        back: Any = [*asked, call.model_dump(), result]
        then = made.responses.create(model="base", input=back, tools=TOOLS)

    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "weather, please"})
    assert kinds(iter(events)) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert then.output_text == "The tools say:\n\nsunny"
    assert then.tools[0].type == "function"
    assert [row.charged_milli for row in Generation.objects.all()] == [1000, 1000]
    assert_audit_is_clean()


@pytest.mark.usefixtures("_systems_may_speak")
def test_what_codex_sends_is_understood(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    services.save_model(code="base", name="Base", price_milli=1000, has_tools=True, now=clock.now())
    upstream.scripts["up-base"] = answer("done")
    body: Any = {
        "model": "base",
        "instructions": "You are a coding agent.",
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Sandboxed."}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "list the files"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
            {"type": "function_call", "call_id": "call_1", "name": "shell", "arguments": '{"command": ["ls"]}'},
            {"type": "function_call_output", "call_id": "call_1", "output": "a.txt"},
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Approved."}]},
        ],
        "tools": [
            {"type": "function", "name": "shell", "description": "runs", "strict": False, "parameters": {}},
            {"type": "web_search", "external_web_access": False},
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0199",
        "text": {"verbosity": "low"},
        "client_metadata": {"x-codex-installation-id": "1"},
    }

    extra = {"client_metadata": body.pop("client_metadata")}
    last: Any = list(client.responses.create(**body, extra_body=extra))[-1]

    assert last.response.output_text == "done"
    sent = upstream.requests[-1]
    assert [message["role"] for message in sent["messages"]] == ["system", "user", "assistant", "tool"]
    assert sent["messages"][0]["content"] == "You are a coding agent.\nSandboxed.\nApproved."
    assert (sent["messages"][2]["content"], sent["messages"][2]["tool_calls"][0]["id"]) == ("I look.", "call_1")
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["shell"]
    assert (sent["reasoning_effort"], sent["verbosity"], sent["parallel_tool_calls"]) == ("medium", "low", False)


def test_a_format_is_asked_for_as_chats_have_it(client: OpenAI, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = answer("{}")
    schema = {"type": "object", "properties": {}, "additionalProperties": False}

    client.responses.create(
        model="base",
        input="hello",
        text={"format": {"type": "json_schema", "name": "it", "schema": schema, "strict": True}},
    )

    assert upstream.requests[-1]["response_format"] == {
        "type": "json_schema", "json_schema": {"name": "it", "schema": schema, "strict": True},
    }  # fmt: skip


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(("ending", "why"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_what_is_incomplete_says_why(
    *, ending: str, why: str, is_streamed: bool, client: OpenAI, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [piece("one "), reason(ending)]

    told: Any = client.responses.create(model="base", input="hello", stream=is_streamed)
    response = list(told)[-1].response if is_streamed else told

    assert (response.status, response.incomplete_details.reason) == ("incomplete", why)
    assert (response.output_text, response.output[0].status) == ("one ", "incomplete")


def test_what_breaks_off_ends_with_a_failure(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [piece("one "), failure("server_error")]

    events = list(client.responses.create(model="base", input="hello", stream=True))

    last: Any = events[-1]
    assert last.type == "response.failed"
    assert (last.response.status, last.response.error.code) == ("failed", "upstream_failed")
    assert last.response.output_text == "one "
    assert paid(rich_alice) == 1000


def test_what_fails_at_once_is_a_status(
    site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [Drop()]

    with (
        OpenAI(base_url=f"{site}/v1", api_key=key_of(rich_alice), max_retries=0) as made,
        pytest.raises(openai.InternalServerError) as failed,
    ):
        made.responses.create(model="base", input="hello", stream=True)

    assert (failed.value.status_code, paid(rich_alice)) == (502, 0)


def test_who_leaves_stops_it(client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = [piece("one "), threading.Event(), *answer("never")]

    with client.responses.create(model="base", input="hello", stream=True) as stream:
        next(each for each in stream if each.type == "response.output_text.delta")

    row = wait_until_settled()
    assert (row.state, row.text, row.charged_milli) == (GenerationState.STOPPED, "one ", 1000)


@pytest.mark.parametrize(
    ("said", "param", "code"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id", "unsupported_parameter"),
        ({"conversation": "conv_1"}, "conversation", "unsupported_parameter"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt", "unsupported_parameter"),
        ({"background": True}, "background", "unsupported_parameter"),
        ({"input": None}, "input", "missing_required_parameter"),
        ({"input": []}, "input", "invalid_value"),
        ({"input": " "}, "input", "invalid_value"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input.0.type", "unsupported_parameter"),
        ({"input": [{"role": "assistant", "content": "hi"}]}, "input.0", "unsupported_parameter"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input.0.content.0.type",
         "unsupported_parameter"),
        ({"input": [{"type": "function_call_output", "call_id": "c1", "output": "x"}]}, "input", "invalid_value"),
        ({"input": "x" * 500_000}, "input", "context_length_exceeded"),
        ({"tools": [{"type": "local_shell"}]}, "tools.0.type", "unsupported_parameter"),
        ({"tools": TOOLS}, "tools", "unsupported_parameter"),
        ({"tools": [{"type": "function", "name": "a b"}]}, "tools.0.function", "invalid_value"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format", "invalid_value"),
        ({"reasoning": {"effort": "SO MUCH"}}, "reasoning.effort", "invalid_value"),
        ({"max_output_tokens": -1}, "max_output_tokens", "invalid_value"),
        ({"instructions": "Be brief."}, "input", "system_prompt_refused"),
        ({"n": 2}, "n", "unknown_parameter"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_by_its_own_name(
    *, said: dict[str, Any], param: str, code: str, rich_alice: Member, model: str, visitor: Any
) -> None:
    response = visitor.post(
        "/v1/responses",
        {"model": "base", "input": "hello", **said},
        content_type="application/json",
        headers=bearer(key_of(rich_alice)),
    )

    error = error_of(response)
    assert (error["param"], error["code"]) == (param, code)
    assert response.status_code == (403 if code == "system_prompt_refused" else 400)
    assert (Generation.objects.count(), paid(rich_alice)) == (0, 0)


def test_without_quota_nothing_begins(site: str, alice: Member, model: str) -> None:
    set_limits(free_per_day=0)
    give_quota(alice.id, 999)
    make_model()

    with (
        OpenAI(base_url=f"{site}/v1", api_key=key_of(alice)) as made,
        pytest.raises(openai.RateLimitError) as refusal,
    ):
        made.responses.create(model="base", input="hello", stream=True)

    assert refusal.value.code == "credit_balance_exhausted"
    assert Generation.objects.count() == 0
