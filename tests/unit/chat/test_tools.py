"""Tools: as a program names them, as an answer calls them, and what came of it."""

import asyncio
import json
from typing import Any

import pytest

from apps.chat import errors, rules
from apps.chat.contracts import Role, TextPart, ToolCall, ToolResult, Turn, WordAction
from apps.chat.engine import deltas, kinds
from apps.chat.engine.dialects import Dialect
from apps.chat.engine.tool_calls import ToolCalls, look_through
from apps.chat.gateways.lexicon_builder import build_lexicon
from apps.chat.registries import CallPiece, Delta
from apps.chat.rules.completions import read_completion
from apps.chat.rules.tool_use import may_be_called, read_tools, text_of_call
from apps.chat.words.lexicon import Source

WEATHER = {"name": "weather", "description": "of a city", "parameters": {"type": "object", "properties": {}}}
TOOL = {"type": "function", "function": WEATHER}
TIME = {"type": "function", "function": {"name": "time"}}
CHOSEN = {"type": "function", "function": {"name": "time"}}


def call(number: int = 1, **more: str) -> ToolCall:
    return ToolCall(**{"id": f"c{number}", "name": "weather", "arguments": '{"city": "Hefei"}', **more})


def tool(**more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {**WEATHER, **more}}


def deep(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"properties": value}
    return value


@pytest.mark.parametrize("choice", ["none", "auto", "required", CHOSEN])
def test_tools_are_options_as_they_are_said(choice: Any) -> None:
    said = {"tools": [TOOL, TIME], "tool_choice": choice, "parallel_tool_calls": False}

    assert read_tools(said) == said
    assert may_be_called(said) is (choice != "none")


def test_functions_are_tools_by_their_former_name_and_called_one_at_a_time() -> None:
    said = {"functions": [WEATHER], "function_call": {"name": "weather"}}

    assert read_tools(said) == {
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": False,
    }
    assert read_tools({"functions": [WEATHER], "function_call": "auto"})["tool_choice"] == "auto"


def test_no_tools_are_no_option() -> None:
    assert read_tools({"tools": [], "tool_choice": "auto", "functions": [], "function_call": "none"}) == {}
    assert not may_be_called({})


@pytest.mark.parametrize(
    ("said", "param", "refusal"),
    [
        ({"tools": [TOOL] * 129}, "tools", errors.ParameterNotValid),
        ({"tools": [TOOL, TOOL]}, "tools", errors.ParameterNotValid),
        ({"tools": [TOOL], "functions": [WEATHER]}, "functions", errors.ParameterNotValid),
        ({"tools": ["weather"]}, "tools.0", errors.ParameterNotValid),
        ({"tools": [TOOL, {"type": "web_search"}]}, "tools.1.type", errors.ParameterNotOffered),
        ({"tools": [{"type": "function"}]}, "tools.0.function", errors.ParameterNotValid),
        ({"tools": [{**TOOL, "more": 1}]}, "tools.0.function", errors.ParameterNotValid),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools.0.function", errors.ParameterNotValid),
        ({"tools": [tool(parameters=[])]}, "tools.0.function", errors.ParameterNotValid),
        ({"tools": [tool(parameters=deep(40))]}, "tools", errors.ParameterNotValid),
        ({"tools": [tool(description="x" * 200_000)]}, "tools", errors.ParameterNotValid),
        ({"tools": [tool(description="\x00")]}, "tools", errors.ParameterNotValid),
        ({"tools": [TOOL], "tool_choice": "any"}, "tool_choice", errors.ParameterNotValid),
        ({"tools": [TOOL], "tool_choice": CHOSEN}, "tool_choice", errors.ParameterNotValid),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}}, "tool_choice.type", errors.ParameterNotOffered),
        ({"functions": [WEATHER], "function_call": {"name": "time"}}, "function_call", errors.ParameterNotValid),
    ],
)  # fmt: skip
def test_a_tool_that_is_not_right_is_named(said: dict[str, Any], param: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal) as refused:
        read_tools(said)

    assert refused.value.context == {"param": param}  # type: ignore[attr-defined]  # a DomainError has one


def asked(*messages: dict[str, Any]) -> tuple[Turn, ...]:
    """What is read of these messages, through the request as it is kept."""
    read = rules.read_request(read_completion({"model": "base", "messages": list(messages)}).requests[0])
    assert rules.turns_of(json.loads(json.dumps(rules.request_of(read)))) == read
    return read


HELLO = {"role": "user", "content": "hello"}


def calls_of(*numbers: int) -> dict[str, Any]:
    """An answer that calls tools, as clients send it back."""
    function = {"name": "weather", "arguments": '{"city": "Hefei"}'}
    calls = [{"id": f"c{number}", "type": "function", "index": number, "function": function} for number in numbers]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(number: int, text: str = "sunny") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"c{number}", "content": text}


def test_calls_and_what_came_of_them_are_turns() -> None:
    turns = asked(HELLO, calls_of(1, 2), result(2), result(1, ""), HELLO)

    assert turns[1] == Turn(role=Role.ASSISTANT, parts=(call(1), call(2)))
    assert turns[2] == Turn(role=Role.TOOL, parts=(ToolResult(text="sunny", call_id="c2"),))
    assert (turns[1].text, turns[2].text, turns[3].text) == ("", "sunny", "")


def test_a_function_is_answered_by_its_place() -> None:
    turns = asked(
        HELLO,
        {"role": "assistant", "content": "let me see", "function_call": {"name": "time", "arguments": ""}},
        {"role": "function", "name": "time", "content": "noon"},
    )

    assert turns[1].parts == (TextPart(text="let me see"), ToolCall(id="function_1", name="time", arguments=""))
    assert turns[2].parts == (ToolResult(text="noon", call_id="function_1"),)


@pytest.mark.parametrize(
    ("messages", "at"),
    [
        ([HELLO, result(1)], "1"),
        ([HELLO, calls_of(1), HELLO], "2"),
        ([HELLO, calls_of(1)], "1"),
        ([HELLO, calls_of(1, 2), result(1)], "2"),
        ([HELLO, calls_of(1, 2), result(1), HELLO], "3"),
        ([HELLO, calls_of(1), result(2)], "2"),
        ([HELLO, calls_of(1), result(1), result(1)], "3"),
        ([HELLO, calls_of(1, 1), result(1)], "1"),
        ([HELLO, calls_of(1), calls_of(2), result(1), result(2)], "2"),
        ([HELLO, {"role": "assistant", "content": "a\ud800", "tool_calls": calls_of(1)["tool_calls"]}, result(1)], "1"),
        ([HELLO, calls_of(1), result(1, "\x00")], "2"),
    ],
)  # fmt: skip
def test_each_call_is_answered_once_before_anybody_else_speaks(messages: list[Any], at: str) -> None:
    if at == "1" and messages[-1]["role"] == "assistant":
        with pytest.raises(errors.ParameterNotOffered):
            asked(*messages)
        return
    with pytest.raises(errors.RequestNotValid) as refused:
        asked(*messages)

    assert refused.value.context == {"at": at}


def test_calls_are_counted_with_what_is_read() -> None:
    with_calls, without = asked(HELLO, calls_of(1), result(1)), asked(HELLO)
    more = rules.asked_tokens(with_calls) - rules.asked_tokens(without)

    assert more == rules.message_tokens("") + rules.call_tokens(call(1)) + rules.message_tokens("sunny")
    assert rules.call_tokens(call(1)) > 8


def event(**said: Any) -> str:
    return json.dumps({"choices": [{"index": 0, "delta": said}]})


STRANGE = {"index": "x", "id": 5, "function": {"name": 1, "arguments": 2}}


@pytest.mark.parametrize(
    ("said", "pieces"),
    [
        (
            {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
            (CallPiece(0, "c1", "f", ""),),
        ),
        ({"tool_calls": [{"index": 0, "function": {"arguments": '{"a'}}]}, (CallPiece(0, "", "", '{"a'),)),
        (
            {"tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"a": "你"}}}]},
            (CallPiece(None, "c1", "f", '{"a": "你"}'),),
        ),
        ({"function_call": {"name": "f", "arguments": "{}"}}, (CallPiece(0, "", "f", "{}"),)),
        ({"tool_calls": None, "function_call": None}, ()),
        ({"tool_calls": [None, 5, [], {"function": 7}, STRANGE]}, (CallPiece(None, "", "", ""),)),
        ({"tool_calls": {"index": 0}}, ()),
        ({"content": "a"}, ()),
    ],
)  # fmt: skip
def test_the_pieces_of_calls_in_an_event(said: Any, pieces: tuple[CallPiece, ...]) -> None:
    assert deltas.Pieces().read(event(**said)).calls == pieces


def test_what_comes_together_keeps_its_calls() -> None:
    one, two = CallPiece(0, "c1", "f", "{"), CallPiece(0, "", "", "}")

    assert deltas.joined([Delta(calls=(one,)), Delta(text="a"), Delta(calls=(two,))]).calls == (one, two)


def grown(*pieces: CallPiece, is_cut: bool = False, max_chars: int = 1000) -> tuple[tuple[str, str], ...]:
    """Name and arguments of the calls that these pieces make."""
    calls = ToolCalls(max_chars=max_chars, are_wanted=True)
    for piece in pieces:
        calls.add([piece])
    return tuple((call.name, call.arguments) for call in calls.whole(is_cut=is_cut))


WHOLE = (("f", '{"a": 1}'), ("g", "{}"))


@pytest.mark.parametrize(
    "pieces",
    [
        [(0, "c1", "f", ""), (0, "", "", '{"a"'), (0, "", "", ": 1}"), (1, "c2", "g", "{"), (1, "", "", "}")],
        [(0, "c1", "f", '{"a"'), (1, "c2", "g", ""), (0, "", "", ": 1}"), (1, "", "", "{}")],
        [(None, "c1", "f", '{"a"'), (None, "", "", ": 1}"), (None, "c2", "g", "")],
        [(None, "", "f", '{"a": 1}'), (None, "", "g", "{}")],
        [(0, "c1", "f", '{"a": 1}'), (0, "c2", "g", "{}")],
        [(0, "c1", "f", '{"a"'), (0, "c1", "f", ": 1}"), (1, "c2", "g", "")],
        [(0, "", "f", '{"a": 1}'), (1, "", "g", "{}")],
        [(0, "c1", "f", '{"a": 1}'), (1, "c1", "g", "{}")],
        [(3, "c1", "f", '{"a": 1}'), (7, "bad id!", "g", "{}")],
    ],
)
def test_calls_are_joined_however_a_provider_tells_them_apart(pieces: list[Any]) -> None:
    assert grown(*(CallPiece(*piece) for piece in pieces)) == WHOLE


def test_ids_are_told_apart_and_theirs_where_they_are_any() -> None:
    calls = ToolCalls(max_chars=100, are_wanted=True)
    calls.add([CallPiece(0, "c1", "f", "{}"), CallPiece(1, "", "f", "{}"), CallPiece(2, "x\ny", "f", "{}")])

    first, *made = (one.id for one in calls.whole(is_cut=False))

    assert first == "c1"
    assert all(name.startswith("call_") for name in made)
    assert len({first, *made}) == 3


def test_a_call_that_was_cut_off_is_none() -> None:
    pieces = [CallPiece(0, "c1", "f", '{"a": 1}'), CallPiece(1, "c2", "g", '{"b": "Hef'), CallPiece(2, "c3", "h", "")]

    assert grown(*pieces, is_cut=True) == (("f", '{"a": 1}'),)
    assert grown(CallPiece(0, "c1", "a name", "{}")) == ()
    assert grown(CallPiece(0, "c1", "f", "[1]"), is_cut=True) == ()


def test_what_nobody_can_keep_is_not_kept_and_floods_end() -> None:
    assert grown(CallPiece(0, "c1", "f", '{"a": "\x00\ud800"}')) == (("f", '{"a": "�"}'),)
    long, many = ToolCalls(max_chars=10, are_wanted=True), ToolCalls(max_chars=10**6, are_wanted=True)

    long.add([CallPiece(0, "c1", "f", "x" * 11)])
    many.add([CallPiece(number, f"c{number}", "f", "") for number in range(65)])

    assert long.is_full
    assert many.is_full
    assert len(many.whole(is_cut=False)) == 64


def test_calls_that_nobody_wants_are_not_heard() -> None:
    calls = ToolCalls(max_chars=100, are_wanted=False)

    assert not calls.add([CallPiece(0, "c1", "f", "{}")])
    assert (bool(calls), calls.whole(is_cut=False)) == (False, ())


def test_what_a_call_says_is_read_as_who_carries_it_out_reads_it() -> None:
    assert text_of_call(call(arguments=r'{"\u575a": ["\u679c"]}')) == "weather\n坚\n果"
    assert text_of_call(call(arguments="not json")) == "weather\nnot json"
    assert text_of_call(call(arguments="[" * 5000)) == "weather\n" + "[" * 5000
    assert text_of_call(call(arguments='{"a":' * 100 + "1" + "}" * 100)).startswith('weather\n{"a":')


@pytest.mark.parametrize(
    ("action", "is_let_through"),
    [(WordAction.REJECT, False), (WordAction.MASK, False), (WordAction.FLAG, True)],
)
def test_words_are_looked_for_in_calls(action: WordAction, is_let_through: bool) -> None:
    lexicon = build_lexicon({Source("listed", action): ["坚果"]})
    said = call(arguments=json.dumps({"city": "x" * 9000 + "坚果"}))

    passed, found = asyncio.run(look_through([call(2), said], lambda: lexicon))

    assert passed is is_let_through
    assert [(one.found_by, one.times) for one in found] == [("listed", 1)]
    assert asyncio.run(look_through([call()], lambda: lexicon)) == (True, ())


@pytest.mark.parametrize(
    ("kind", "choice", "taken"),
    [
        (kinds.OpenAI, "required", {"tool_choice": "required", "parallel_tool_calls": False}),
        (kinds.Zhipu, "required", {}),
        (kinds.DeepSeek, "required", {"tool_choice": "required"}),
        (kinds.Qwen, "required", {"tool_choice": "auto", "parallel_tool_calls": False}),
        (kinds.Qwen, CHOSEN, {"tool_choice": CHOSEN, "parallel_tool_calls": False}),
        (kinds.Moonshot, CHOSEN, {"tool_choice": "auto"}),
        (kinds.Moonshot, "none", {"tool_choice": "none"}),
        (kinds.Ollama, "auto", {}),
    ],
)
def test_each_kind_is_told_of_tools_what_it_takes(
    kind: type[kinds.OpenAICompatible], choice: Any, taken: dict[str, Any]
) -> None:
    said = {"tools": [TOOL], "tool_choice": choice, "parallel_tool_calls": False}

    assert Dialect(option_ways=kind.option_ways).options(said) == {"tools": [TOOL], **taken}
