"""Applications that cannot be run here: what each of them sends, and how it reads what comes, as its sources have it.

The requests are theirs in names and headers, with values of ours; the readers follow their parsers, and fail where
those would lose something. Settings screens: docs/use-your-client.md.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.models import Generation
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread
from tests.integration.chat.test_reasoning import thought
from tests.integration.chat.test_v1_models import key_of
from tests.integration.chat.upstream import Upstream, answer

pytestmark = pytest.mark.django_db(transaction=True)

TOLD = "你好，world"


@dataclass
class Read:
    """What an application has understood of an answer."""

    text: str = ""
    thoughts: str = ""
    usage: dict[str, Any] = field(default_factory=dict)
    is_ended: bool = False
    error: str = ""


def events(lines: Iterator[str]) -> Iterator[str]:
    """The data of each event, as the browsers' specification has it: a comment is none."""
    data: list[str] = []
    for line in lines:
        if line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []


def read_as_cherry_studio(lines: Iterator[str]) -> Read:
    """Takes a delta only if it says something, by either name of thoughts; the first reason to end is the end."""
    read = Read()
    for data in events(lines):
        if data.startswith("[DONE]"):
            break
        chunk = json.loads(data)
        read.usage = chunk.get("usage") or read.usage
        for choice in chunk["choices"]:
            delta = choice["delta"]
            says = delta.get("content") or delta.get("reasoning_content") or delta.get("reasoning")
            if delta and (says or delta.get("tool_calls")):
                read.text += delta.get("content") or ""
                read.thoughts += delta.get("reasoning_content") or ""
            read.is_ended = read.is_ended or bool(choice["finish_reason"])
    return read


def read_as_next_chat(lines: Iterator[str]) -> Read:
    """Takes the first choice, and thoughts before words where a delta has both; [DONE] is the end."""
    read = Read()
    for data in events(lines):
        if data == "[DONE]":
            read.is_ended = True
            break
        choices = json.loads(data).get("choices")
        if not choices:
            continue
        delta = choices[0]["delta"]
        if thought := delta.get("reasoning_content") or delta.get("reasoning"):
            assert not delta.get("content"), "its words would be lost"
            read.thoughts += thought
        else:
            read.text += delta.get("content") or ""
    return read


def read_as_open_webui(lines: Iterator[str]) -> Read:
    """Reads line by line and knows no events: each has to be whole in its line."""
    read = Read()
    for line in lines:
        if not line.startswith("data: "):
            assert not line or line.startswith(":"), f"{line!r} would be lost"
            continue
        if line.strip() == "data: [DONE]":
            read.is_ended = True
            continue
        chunk = json.loads(line[6:])
        if "error" in chunk:
            read.error = chunk["error"]["message"]
            continue
        read.usage = chunk.get("usage") or read.usage
        for choice in chunk["choices"]:
            read.text += choice.get("delta", {}).get("content") or ""
            read.thoughts += choice.get("delta", {}).get("reasoning_content") or ""
    return read


def read_as_cline(lines: Iterator[str]) -> Read:
    """The official Node client's reader: no choices are no error, one that has no delta is."""
    read = Read()
    for data in events(lines):
        if data.startswith("[DONE]"):
            read.is_ended = True
            break
        chunk = json.loads(data)
        assert "error" not in chunk
        delta = chunk["choices"][0]["delta"] if chunk["choices"] else {}
        read.text += delta.get("content") or ""
        read.thoughts += delta.get("reasoning_content") or ""
        if usage := chunk.get("usage"):
            assert usage["prompt_tokens_details"]["cached_tokens"] == 0
            read.usage = usage
    return read


@dataclass(frozen=True)
class Application:
    """What it sends beside the key, and how it reads."""

    headers: dict[str, str]
    body: dict[str, Any]
    read: Callable[[Iterator[str]], Read]
    wants_usage: bool = True


_STAINLESS = {
    "Accept": "application/json",
    "X-Stainless-Lang": "js",
    "X-Stainless-Package-Version": "5.12.2",
    "X-Stainless-Runtime": "browser:chrome",
    "X-Stainless-Retry-Count": "0",
    "X-Stainless-Timeout": "600",
}
_HELLO = [{"role": "user", "content": "hello"}]
_AS_STREAM = {"stream": True, "stream_options": {"include_usage": True}}
APPLICATIONS = {
    "Cherry Studio": Application(
        {**_STAINLESS, "HTTP-Referer": "https://cherry.example", "X-Title": "Cherry Studio", "Origin": "file://"},
        {"messages": _HELLO, "temperature": 1, "top_p": 1, "max_tokens": 4096, **_AS_STREAM},
        read_as_cherry_studio,
    ),
    # By names, models are taken for Qwen, GLM or Doubao, or for what OpenRouter sells.
    "Cherry Studio, of Qwen": Application(
        _STAINLESS, {"messages": _HELLO, "enable_thinking": False, **_AS_STREAM}, read_as_cherry_studio
    ),
    "Cherry Studio, of GLM": Application(
        _STAINLESS, {"messages": _HELLO, "thinking": {"type": "enabled"}, **_AS_STREAM}, read_as_cherry_studio
    ),
    "NextChat": Application(
        {"Accept": "application/json", "Origin": "https://next.example", "Referer": "https://next.example/"},
        {
            "messages": [*_HELLO, {"role": "assistant", "content": "yes?"}, *_HELLO],
            "stream": True,
            "temperature": 0.5,
            "presence_penalty": 0,
            "frequency_penalty": 0,
            "top_p": 1,
        },
        read_as_next_chat,
        wants_usage=False,
    ),
    "Open WebUI": Application(
        {"X-OpenWebUI-User-Name": "ann", "X-OpenWebUI-User-Role": "admin", "X-OpenWebUI-Chat-Id": "c1"},
        {**_AS_STREAM, "messages": _HELLO, "max_tokens": None, "temperature": 0.8, "seed": 7, "stop": ["###"]},
        read_as_open_webui,
    ),
    "Cline": Application(
        {**_STAINLESS, "X-Stainless-Runtime": "node"},
        {
            "messages": [
                {"role": "system", "content": "You are an engineer."},
                {"role": "user", "content": [{"type": "text", "text": "hello"}, {"type": "text", "text": "<env/>"}]},
            ],
            "temperature": 0,
            **_AS_STREAM,
        },
        read_as_cline,
    ),
}


@pytest.fixture
def web(site: str, rich_alice: Member) -> Iterator[httpx2.Client]:
    """Any program with a key, at a site that lets the system speak."""
    services.save_rule(code="system-prompts", is_on=False, place=None, actor="staff:1", reason="t", now=clock.now())
    with httpx2.Client(base_url=site, timeout=20, headers={"Authorization": f"Bearer {key_of(rich_alice)}"}) as made:
        yield made


@pytest.mark.parametrize("name", APPLICATIONS)
def test_an_application_understands_the_answer(
    name: str, web: httpx2.Client, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [thought("hm"), *answer("你好，", "world")]
    application = APPLICATIONS[name]
    body = {"model": "base", **application.body}

    with web.stream("POST", "/v1/chat/completions", json=body, headers=application.headers) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        read = application.read(response.iter_lines())

    assert (read.text, read.thoughts, read.is_ended, read.error) == (TOLD, "hm", True, "")
    assert (read.usage.get("total_tokens") == 12) is application.wants_usage


@pytest.mark.parametrize(
    ("said", "effort"),
    [
        ({"enable_thinking": False}, "none"),
        ({"enable_thinking": True, "thinking_budget": 4096}, None),
        ({"thinking": {"type": "disabled"}}, "none"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, None),
        ({"reasoning": {"effort": "high"}}, "high"),
        ({"reasoning": {"enabled": False, "exclude": True}}, "none"),
        ({"reasoning_effort": "low", "enable_thinking": False}, "low"),
    ],
)
def test_thinking_by_other_vendors_names_is_understood(
    said: dict[str, Any], effort: str | None, web: httpx2.Client, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer(TOLD)

    response = web.post("/v1/chat/completions", json={"model": "base", "messages": _HELLO, **said})

    assert response.status_code == 200
    assert upstream.requests[-1].get("reasoning_effort") == effort
    assert not {"enable_thinking", "thinking", "reasoning"} & upstream.requests[-1].keys()


@pytest.mark.parametrize(
    "said",
    [
        {"enable_thinking": "no"},
        {"thinking": True},
        {"thinking": {"type": "maybe"}},
        {"thinking_budget": -1},
        {"reasoning": {"effort": 3}},
        {"reasoning": {"effort": "NONE"}},
        {"reasoning": {"budget": 1}},
    ],
)
def test_thinking_by_other_names_is_typed(said: dict[str, Any], web: httpx2.Client, upstream: Upstream) -> None:
    response = web.post("/v1/chat/completions", json={"model": "base", "messages": _HELLO, **said})

    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_value")
    assert not Generation.objects.exists()


def test_open_webui_makes_a_title(web: httpx2.Client, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = answer('{"title": "Greetings"}')
    body = {"model": "base", "messages": _HELLO, "stream": False, "max_completion_tokens": 1000}

    answered = web.post("/v1/chat/completions", json=body).json()

    assert json.loads(answered["choices"][0]["message"]["content"]) == {"title": "Greetings"}
    assert "usage" in answered


def test_the_lists_of_models_of_all_of_them(web: httpx2.Client, upstream: Upstream) -> None:
    """Codex names its version and reads another list, goes on without; the others take the id of each."""
    for path in ("/v1/models", "/v1/models?client_version=0.99.0"):
        listed = web.get(path).json()

        assert (listed["object"], [model["id"] for model in listed["data"]]) == ("list", ["base"])
        assert all({"id", "object", "owned_by"} <= model.keys() for model in listed["data"])


def test_a_browser_asks_before_it_asks(web: httpx2.Client) -> None:
    """NextChat's page and Cherry Studio's window are of other origins, and name every header that they will send."""
    headers = "authorization,content-type,http-referer,x-title,x-stainless-lang,x-stainless-retry-count"
    asked = {
        "Origin": "https://next.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": headers,
    }

    response = web.options("/v1/chat/completions", headers=asked)

    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Headers"] == headers
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert response.headers["Access-Control-Allow-Origin"] == "*"
