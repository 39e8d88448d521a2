"""Clients that nobody wrote for this site, as they are, against the site as it runs (docs/use-your-client.md)."""

from typing import Any

import pytest

from tests.clients.conftest import CLIENTS, MODEL

pytestmark = pytest.mark.parametrize("told", CLIENTS, indirect=True)


def test_it_reads_an_answer(told: dict[str, Any]) -> None:
    whole = told["whole"]

    assert "“Hello”" in whole["text"]
    assert whole["finish"] == "stop"
    asked, answered, both = whole["tokens"]
    assert (asked > 0, answered > 50, both) == (True, True, asked + answered)
    assert whole.get("request_id", "req_").startswith("req_")


def test_it_reads_the_same_answer_as_a_stream_with_its_usage(told: dict[str, Any]) -> None:
    stream = told["stream"]

    assert (stream["text"], stream["tokens"]) == (told["whole"]["text"], told["whole"]["tokens"])
    assert stream["finish"] == "stop"
    assert stream["pieces"] > 1


def test_it_calls_a_tool_and_tells_what_came_of_it(told: dict[str, Any]) -> None:
    tools = told["tools"]

    ((name, arguments),) = tools["calls"]
    assert (name, list(arguments)) == ("weather", ["city"])
    assert (tools["finish"], tools["text"]) == ("tool_calls", "The tools say:\n\nsunny")


def test_it_knows_a_refusal_by_its_kind(told: dict[str, Any]) -> None:
    refused = told["refused"]

    assert (refused["status"], refused.get("code") or "model_not_found") == (404, "model_not_found")
    assert refused["class"].endswith("NotFoundError")


def test_it_lists_the_models_where_it_can(told: dict[str, Any]) -> None:
    models = told.get("models", {"ids": [MODEL], "one": MODEL})

    assert MODEL in models["ids"]
    assert models["one"] == MODEL


def test_it_asks_nobody_but_the_site(told: dict[str, Any]) -> None:
    assert told.get("outside", []) == []
