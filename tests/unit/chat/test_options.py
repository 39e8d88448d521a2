"""What a program may ask of its answer beside the question, and what kinds of channels make of it."""

import json
from typing import Any

import pytest

from apps.chat import errors
from apps.chat.engine import kinds
from apps.chat.engine.dialects import Dialect
from apps.chat.engine.upstream_errors import Complaint
from apps.chat.engine.ways import Way
from apps.chat.rules import option_tokens, text_of_options
from apps.chat.rules.options import read_options

SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "enum": ["北京"]}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}}


def deep(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"properties": value}
    return value


def format_of(schema: Any, **more: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, **more}}}


def test_options_are_carried_as_they_are_said() -> None:
    said = {
        **{"temperature": 0, "top_p": 1.0, "presence_penalty": -2, "frequency_penalty": 2, "seed": -7},
        **{"stop": ["\n", "END"], "logit_bias": {"50256": -100}, "response_format": FORMAT},
        **{"reasoning_effort": "high", "verbosity": "low"},
    }

    assert read_options({**said, "model": "base", "user": "ann", "max_tokens": 5}) == said


def test_what_asks_for_nothing_is_not_carried() -> None:
    assert read_options({"stop": [], "logit_bias": {}, "response_format": {"type": "text"}}) == {}
    assert read_options({"stop": ""}) == {}


@pytest.mark.parametrize(
    "said",
    [
        {"temperature": 2.1},
        {"temperature": -0.1},
        {"temperature": float("inf")},
        {"temperature": True},
        {"seed": 1.5},
        {"seed": True},
        {"seed": 2**63},
        {"stop": 1},
        {"stop": ["a"] * 5},
        {"stop": [""]},
        {"stop": ["x" * 257]},
        {"stop": "\ud800"},
        {"logit_bias": {"a": 1}},
        {"logit_bias": {"1": 101}},
        {"logit_bias": {"1": True}},
        {"logit_bias": {str(token): 1 for token in range(1025)}},
        {"reasoning_effort": "as much as you can"},
        {"verbosity": 1},
        {"response_format": "json"},
        {"response_format": {"type": "xml"}},
        {"response_format": {"type": ["text"]}},
        {"response_format": {"type": "json_object", "schema": {}}},
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "json_schema", "json_schema": []}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a b"}}},
        format_of([]),
        format_of({}, strict="yes"),
        format_of({}, extra=1),
        format_of({"maximum": float("inf")}),
        format_of({"title": "a\x00b"}),
        format_of({"a\ud800": 1}),
        format_of({"title": "x" * 64_000}),
        format_of(deep(40)),
        format_of(deep(500)),
    ],
    ids=lambda said: repr(said)[:60],
)
def test_a_value_that_is_not_right_is_refused_by_its_name(said: dict[str, Any]) -> None:
    with pytest.raises(errors.ParameterNotValid) as refused:
        read_options(said)

    assert refused.value.context == {"param": next(iter(said))}


def test_a_format_as_deep_as_may_be_is_read_to_its_last_text() -> None:
    options = read_options({**format_of(deep(28)), "stop": "END"})

    said = text_of_options(options).split("\n")
    assert said[:6] == ["type", "json_schema", "json_schema", "name", "x", "schema"]
    assert (set(said[6:-1]), said[-1]) == ({"properties"}, "END")


def test_a_format_is_counted_as_the_model_reads_it_and_numbers_are_not() -> None:
    assert option_tokens({"temperature": 1, "stop": "END"}) == 0
    # Two wide characters, and a third of the others.
    others = len(json.dumps(FORMAT, ensure_ascii=False)) - 2
    assert option_tokens({"response_format": FORMAT}) == 2 + -(-others // 3)


ALL = read_options(
    {
        **{"temperature": 2, "top_p": 0.5, "presence_penalty": 1, "frequency_penalty": 1, "seed": 7},
        **{"stop": ["a", "b"], "logit_bias": {"1": 1}, "response_format": FORMAT},
        **{"reasoning_effort": "none", "verbosity": "low"},
    }
)


@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        (kinds.OpenAICompatible, ALL),
        (kinds.OpenAI, ALL),
        (kinds.Sandbox, ALL),
        (
            kinds.Zhipu,
            {
                **{"temperature": 1, "top_p": 0.5, "stop": ["a"]},
                **{"response_format": {"type": "json_object"}, "thinking": {"type": "disabled"}},
            },
        ),
        (
            kinds.DeepSeek,
            {
                **{"temperature": 2, "top_p": 0.5, "presence_penalty": 1, "frequency_penalty": 1, "stop": ["a", "b"]},
                **{"response_format": {"type": "json_object"}, "thinking": {"type": "disabled"}},
            },
        ),
        (
            kinds.Qwen,
            {
                **{"temperature": 1.99, "top_p": 0.5, "presence_penalty": 1, "seed": 7, "stop": ["a", "b"]},
                **{"response_format": FORMAT, "enable_thinking": False},
            },
        ),
        (
            kinds.Moonshot,
            {
                **{"temperature": 1, "top_p": 0.5, "presence_penalty": 1, "frequency_penalty": 1, "stop": ["a", "b"]},
                **{"response_format": FORMAT, "thinking": {"type": "disabled"}},
            },
        ),
        (kinds.Ollama, {name: value for name, value in ALL.items() if name not in ("logit_bias", "verbosity")}),
    ],
)
def test_each_kind_is_told_what_it_takes(kind: type[kinds.OpenAICompatible], taken: dict[str, Any]) -> None:
    assert Dialect(option_ways=kind.option_ways).options(ALL) == taken


@pytest.mark.parametrize(
    ("kind", "effort", "taken"),
    [
        (kinds.Zhipu, "high", {"thinking": {"type": "enabled"}}),
        (kinds.DeepSeek, "high", {"reasoning_effort": "high"}),
        (kinds.Qwen, "low", {"enable_thinking": True}),
    ],
)
def test_how_much_is_thought_is_said_in_each_ones_words(
    kind: type[kinds.OpenAICompatible], effort: str, taken: dict[str, Any]
) -> None:
    assert Dialect(option_ways=kind.option_ways).options({"reasoning_effort": effort}) == taken


def test_a_model_is_asked_again_without_what_only_shades_its_answer() -> None:
    refused = Complaint.read({"error": {"code": "unsupported_parameter", "param": "temperature", "message": "no"}})
    needed = Complaint.read({"error": {"code": "unsupported_parameter", "param": "response_format", "message": "no"}})
    other = Complaint.read({"error": {"code": "invalid_value", "param": "temperature", "message": "no"}})

    assert Way().after(refused) == Way(without=frozenset({"temperature"}))
    assert Way().after(needed) == Way().after(other) == Way()


def test_a_value_that_is_refused_says_nothing_of_others() -> None:
    refused = Complaint.read({"error": {"code": "unsupported_value", "param": "temperature", "message": "no"}})

    way = Way().after(refused, {"temperature": 0.3, "top_p": 1})

    assert way == Way(without_values=frozenset({("temperature", "0.3")}))
    # The same refusal again teaches nothing, so that nobody asks for ever.
    assert way.after(refused, {"temperature": 0.3}) == way
    for number in range(100):
        way = way.after(refused, {"temperature": number})
    assert len(way.without_values) <= 32
