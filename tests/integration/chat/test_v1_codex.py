"""Codex, which cannot be run here: what it sends to /v1/responses, and how it reads the events, as its sources have it.

It keeps nothing at the provider's: with each call of a tool that it has carried out it sends all that was said again.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.models import Generation
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread, make_model
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_reasoning import thought
from tests.integration.chat.test_v1_applications import events, web
from tests.integration.chat.test_v1_completions import paid
from tests.integration.chat.test_v1_tools import called
from tests.integration.chat.upstream import DONE, Upstream, answer, failure, piece, reason, usage

__all__ = ["web"]

pytestmark = pytest.mark.django_db(transaction=True)

HEADERS = {
    "Accept": "text/event-stream",
    "User-Agent": "codex_cli_rs/0.99.0 (Debian 12.0.0; x86_64) xterm-256color",
    "originator": "codex_cli_rs",
    "version": "0.99.0",
    "session_id": "0199b2f4-5b3e-7a01-9d57-2f1d2a3b4c5d",
    "conversation_id": "0199b2f4-5b3e-7a01-9d57-2f1d2a3b4c5d",
}


def said(role: str, *texts: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text} for text in texts]}


def function(name: str, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"type": "function", "name": name, "description": "…", "strict": False, "parameters": parameters}


ASKED = [
    said("developer", "<permissions instructions>Filesystem sandboxing: read-only.</permissions instructions>"),
    said("user", "# AGENTS.md instructions for /work", "<environment_context><cwd>/work</cwd></environment_context>"),
    said("user", "What is in this folder?"),
]
BODY: dict[str, Any] = {
    "model": "base",
    "instructions": "You are a coding agent running in the Codex CLI.",
    "tools": [
        function("shell", command={"type": "array", "items": {"type": "string"}}, workdir={"type": "string"}),
        function("update_plan", explanation={"type": "string"}, plan={"type": "array", "items": {"type": "object"}}),
        {"type": "web_search", "external_web_access": False},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "service_tier": "auto",
    "prompt_cache_key": HEADERS["conversation_id"],
    "text": {"verbosity": "low"},
    "client_metadata": {"x-codex-installation-id": "b2f4"},
}
COMMAND = '{"command": ["ls"], "workdir": "/work"}'


@dataclass
class Read:
    """What it has understood of a turn."""

    text: str = ""
    thoughts: str = ""
    items: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    failure: str = ""


def read(lines: Iterator[str]) -> Read:
    """Its reader: items count once they are done, and a stream without a last word of its own is a broken one."""
    found, is_created = Read(), False
    for data in events(lines):
        event = json.loads(data)
        match event["type"]:
            case "response.created":
                is_created = bool(event["response"])
            case "response.output_text.delta":
                found.text += event["delta"]
            case "response.reasoning_summary_text.delta":
                assert isinstance(event["summary_index"], int)
                found.thoughts += event["delta"]
            case "response.output_item.done":
                found.items.append(event["item"])
            case "response.failed":
                found.failure = event["response"]["error"]["code"]
                return found
            case "response.completed":
                found.usage = event["response"]["usage"]
                assert event["response"]["id"]
                assert is_created
                return found
    pytest.fail("stream closed before response.completed")


def sent_again(item: dict[str, Any]) -> dict[str, Any]:
    """An item of an answer as it goes back with what is asked next: without its id and how far it came."""
    kept = {name: value for name, value in item.items() if name not in ("id", "status")}
    if item["type"] == "reasoning":
        return {**kept, "encrypted_content": None}
    return kept


def turn(web: httpx2.Client, items: list[dict[str, Any]]) -> Read:
    with web.stream("POST", "/v1/responses", json={**BODY, "input": items}, headers=HEADERS) as response:
        assert response.status_code == 200, response.read()
        return read(response.iter_lines())


@pytest.fixture
def able(upstream: Upstream) -> Upstream:
    """The provider, whose model thinks and uses tools."""
    make_model(url=upstream.url, has_tools=True, has_reasoning=True)
    return upstream


def test_it_carries_out_a_call_and_hears_the_answer(
    web: httpx2.Client, rich_alice: Member, able: Upstream, engine: EngineThread
) -> None:
    able.scripts["up-base"] = [
        *(thought("A look."), piece("Let me look."), called(COMMAND, call_id="c1", name="shell")),
        *(reason("tool_calls"), usage(20, 15), DONE),
    ]
    first = turn(web, ASKED)
    calls = [item for item in first.items if item["type"] == "function_call"]
    results = [{"type": "function_call_output", "call_id": call["call_id"], "output": "README.md"} for call in calls]
    able.scripts["up-base"] = answer("It has ", "a README.")

    then = turn(web, [*ASKED, *map(sent_again, first.items), *results, said("user", "Go on.")])

    assert (first.thoughts, first.text, first.failure) == ("A look.", "Let me look.", "")
    assert [item["type"] for item in first.items] == ["reasoning", "message", "function_call"]
    assert [(call["name"], call["arguments"], call["call_id"]) for call in calls] == [("shell", COMMAND, "c1")]
    assert (first.usage["input_tokens"], first.usage["output_tokens"], first.usage["total_tokens"]) == (20, 15, 35)
    assert {"cached_tokens"} <= first.usage["input_tokens_details"].keys()
    assert {"reasoning_tokens"} <= first.usage["output_tokens_details"].keys()
    assert (then.text, [item["type"] for item in then.items]) == ("It has a README.", ["message"])
    asked = able.requests[-1]
    assert [message["role"] for message in asked["messages"]] == [
        *("system", "user", "user", "assistant", "tool", "user"),
    ]  # fmt: skip
    assert asked["messages"][0]["content"].startswith(BODY["instructions"])
    assert asked["messages"][3]["tool_calls"][0]["function"] == {"name": "shell", "arguments": COMMAND}
    assert [tool["function"]["name"] for tool in asked["tools"]] == ["shell", "update_plan"]
    assert asked["reasoning_effort"] == "medium"
    assert not {"store", "include", "prompt_cache_key", "client_metadata"} & asked.keys()
    assert [row.charged_milli for row in Generation.objects.all()] == [1000, 1000]
    assert paid(rich_alice) == 2000
    assert_audit_is_clean()


def test_it_knows_an_answer_that_broke_off(web: httpx2.Client, able: Upstream, engine: EngineThread) -> None:
    able.scripts["up-base"] = [piece("so far"), failure("server_error")]

    broken = turn(web, ASKED)

    assert (broken.text, bool(broken.failure)) == ("so far", True)


def test_what_it_could_not_be_answered_with_is_said_before_a_stream_begins(
    web: httpx2.Client, able: Upstream, engine: EngineThread
) -> None:
    services.save_model(code="base", name="Base", price_milli=1000, has_tools=False, now=clock.now())

    response = web.post("/v1/responses", json={**BODY, "input": ASKED}, headers=HEADERS)

    assert (response.status_code, response.json()["error"]["param"]) == (400, "tools")
    assert not Generation.objects.exists()
