"""Tools over OpenAI's API with the official client: named, called, answered, paid for, and never handed out in part."""

import json
import threading
from collections.abc import Callable
from typing import Any

import openai
import pytest
from django.db import transaction
from openai import OpenAI

from apps.accounts.contracts import Member
from apps.chat import rules, services
from apps.chat.contracts import GenerationState, PerTokens, ToolCall, WordAction
from apps.chat.models import AnswerUsage, Generation
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread, give_quota, set_limits, wait_for
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_filtered_answers import begin
from tests.integration.chat.test_v1_completions import HELLO, client, only, paid, wait_until_settled
from tests.integration.chat.test_v1_models import key_of
from tests.integration.chat.test_word_lists import hits, save_list
from tests.integration.chat.upstream import DONE, Drop, Upstream, answer, event, piece, reason, usage

__all__ = ["begin", "client"]

pytestmark = pytest.mark.django_db(transaction=True)

TOOLS: Any = [
    {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
]
CITY = '{"city": "合肥"}'


@pytest.fixture
def tools(upstream: Upstream) -> Upstream:
    """The provider, whose model uses tools."""
    services.save_model(code="base", name="Base", price_milli=1000, has_tools=True, now=clock.now())
    return upstream


def called(arguments: str, *, number: int = 0, call_id: str = "", name: str = "") -> bytes:
    """A piece of a call."""
    function = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
    call = {"index": number, "function": function, **({"id": call_id, "type": "function"} if call_id else {})}
    return event({"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]})


def calling(*, ending: str = "tool_calls") -> list[bytes]:
    """An answer that calls two tools, in pieces."""
    return [
        *(piece("let me see"), called("", call_id="c1", name="weather"), called('{"city": '), called('"合肥"}')),
        *(called("{}", number=1, call_id="c2", name="weather"), reason(ending), usage(20, 15), DONE),
    ]


def ask(client: OpenAI, *, is_streamed: bool = False, **more: Any) -> Any:
    """What an answer says as a whole: its message and why it ended."""
    asked: Any = {"model": "base", "messages": HELLO, "tools": TOOLS, **more}
    if not is_streamed:
        choice = client.chat.completions.create(**asked).choices[0]
        return choice.message, choice.finish_reason
    with client.chat.completions.stream(**asked) as stream:
        for _event in stream:
            pass
        choice = stream.get_final_completion().choices[0]
        return choice.message, choice.finish_reason


@pytest.mark.parametrize("ending", ["tool_calls", "stop"])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_model_calls_tools(
    is_streamed: bool, ending: str, client: OpenAI, tools: Upstream, engine: EngineThread
) -> None:
    tools.scripts["up-base"] = calling(ending=ending)

    message, finish_reason = ask(client, is_streamed=is_streamed, tool_choice="auto", parallel_tool_calls=True)

    assert (message.content, finish_reason) == ("let me see", "tool_calls")
    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls] == [
        ("c1", "weather", CITY),
        ("c2", "weather", "{}"),
    ]
    sent = tools.requests[-1]
    assert (sent["tools"], sent["tool_choice"], sent["parallel_tool_calls"]) == (TOOLS, "auto", True)
    assert only().charged_milli == 1000
    assert_audit_is_clean()


def test_what_came_of_a_call_goes_upstream_behind_it(client: OpenAI, tools: Upstream, engine: EngineThread) -> None:
    tools.scripts["up-base"] = calling()
    message, _reason = ask(client)
    tools.scripts["up-base"] = answer("sunny in 合肥")
    back = message.model_dump(exclude_unset=True)
    results: Any = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in message.tool_calls]

    then, finish_reason = ask(client, messages=[*HELLO, back, *results])

    assert (then.content, then.tool_calls, finish_reason) == ("sunny in 合肥", None, "stop")
    sent = tools.requests[-1]["messages"]
    assert [turn["role"] for turn in sent] == ["user", "assistant", "tool", "tool"]
    assert (sent[1]["content"], sent[2]) == ("let me see", {"role": "tool", "tool_call_id": "c1", "content": "sunny"})
    assert sent[1]["tool_calls"][0] == {
        "id": "c1",
        "type": "function",
        "function": {"name": "weather", "arguments": CITY},
    }
    assert_audit_is_clean()


@pytest.mark.parametrize("is_streamed", [False, True])
def test_functions_are_called_by_their_former_name(
    is_streamed: bool, client: OpenAI, tools: Upstream, engine: EngineThread
) -> None:
    tools.scripts["up-base"] = calling()
    asked: Any = {"model": "base", "messages": HELLO, "functions": [TOOLS[0]["function"]], "stream": is_streamed}

    said: Any = client.chat.completions.create(**asked)

    if is_streamed:
        chunks = list(said)
        (delta,) = [chunk.choices[0].delta for chunk in chunks if chunk.choices[0].delta.function_call]
        call, finish_reason = delta.function_call, chunks[-1].choices[0].finish_reason
    else:
        call, finish_reason = said.choices[0].message.function_call, said.choices[0].finish_reason
    assert (call.name, call.arguments, finish_reason) == ("weather", CITY, "function_call")
    assert (tools.requests[-1]["tools"], "functions" in tools.requests[-1]) == (TOOLS, False)


def test_a_call_is_output_and_is_paid_by_the_token(
    site: str, alice: Member, tools: Upstream, engine: EngineThread
) -> None:
    set_limits(free_per_day=0)
    give_quota(alice.id, 100_000)
    prices = PerTokens(input_milli=1000, cached_milli=1000, output_milli=2000)
    services.save_model(code="base", name="Base", price=prices, has_tools=True, now=clock.now())
    tools.scripts["up-base"] = [called(CITY, call_id="c1", name="weather"), reason("tool_calls"), usage(20, 15), DONE]

    with OpenAI(base_url=f"{site}/v1", api_key=key_of(alice)) as client:
        message, _reason = ask(client)

    assert (message.content, message.tool_calls[0].function.arguments) == (None, CITY)
    row, used = only(), AnswerUsage.objects.get()
    kept = rules.call_tokens(ToolCall(id="c1", name="weather", arguments=CITY))
    assert (row.is_delivered, row.charged_milli, used.kept_tokens) == (True, 20 + 2 * 15, kept)
    assert row.tool_calls == [{"id": "c1", "name": "weather", "arguments": CITY}]
    assert row.asked_tokens > rules.option_tokens({"tools": TOOLS}) > 20
    assert_audit_is_clean()


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_call_that_its_length_cut_off_is_not_handed_out(
    is_streamed: bool, client: OpenAI, rich_alice: Member, tools: Upstream, engine: EngineThread
) -> None:
    tools.scripts["up-base"] = [
        *(called(CITY, call_id="c1", name="weather"), called('{"city": "Hef', number=1, call_id="c2", name="weather")),
        reason("length"),
    ]

    choice: Any = client.chat.completions.create(model="base", messages=HELLO, tools=TOOLS, stream=is_streamed)
    deltas = [chunk.choices[0] for chunk in choice] if is_streamed else [choice.choices[0]]
    said = [part.delta if is_streamed else part.message for part in deltas]

    assert [call.id for part in said for call in part.tool_calls or []] == ["c1"]
    assert deltas[-1].finish_reason == "length"
    assert paid(rich_alice) == 1000
    assert_audit_is_clean()


@pytest.mark.parametrize("ending", [[Drop()], [], [event({"error": {"code": "server_error"}})]])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_calls_of_an_answer_that_broke_off_are_not_handed_out_and_not_paid(
    is_streamed: bool, ending: list[Any], client: OpenAI, tools: Upstream, engine: EngineThread
) -> None:
    tools.scripts["up-base"] = [called(CITY, call_id="c1", name="weather"), *ending]

    with pytest.raises(openai.InternalServerError) as failed:
        client.with_options(max_retries=0).chat.completions.create(
            model="base", messages=HELLO, tools=TOOLS, stream=is_streamed
        )

    assert failed.value.status_code == 502
    assert (only().tool_calls, only().is_delivered, only().charged_milli) == (None, False, 0)
    # The provider had begun, so it counts among those at our cost.
    assert only().unpaid_day is not None
    assert_audit_is_clean()


def test_who_leaves_in_the_middle_of_a_call_pays_nothing_and_keeps_none(
    client: OpenAI, rich_alice: Member, tools: Upstream, engine: EngineThread
) -> None:
    tools.scripts["up-base"] = [piece("let "), called('{"city', call_id="c1", name="weather"), threading.Event()]
    with client.chat.completions.create(model="base", messages=HELLO, tools=TOOLS, stream=True) as stream:
        wait_for(lambda: next(stream).choices[0].delta.content == "let ", what="the text")

    row = wait_until_settled()

    assert (row.state, row.text, row.tool_calls) == (GenerationState.STOPPED, "let ", None)
    assert paid(rich_alice) == 1000
    assert_audit_is_clean()


@pytest.mark.parametrize("action", [WordAction.REJECT, WordAction.MASK])
def test_a_word_in_a_call_holds_it_back_however_it_is_written(
    action: WordAction,
    client: OpenAI,
    rich_alice: Member,
    tools: Upstream,
    begin: Callable[[], None],
) -> None:
    save_list(action, "红苹果")
    begin()
    arguments = json.dumps({"city": "红苹果"})
    assert "红" not in arguments
    tools.scripts["up-base"] = [called(arguments, call_id="c1", name="weather"), reason("tool_calls"), DONE]

    message, finish_reason = ask(client)

    assert (message.tool_calls, finish_reason) == (None, "content_filter")
    assert (only().tool_calls, only().error_code, paid(rich_alice)) == (None, "answer_filtered", 0)
    assert [(hit[2], hit[3]) for hit in hits()] == [("answer", 1)]
    assert_audit_is_clean()


@pytest.mark.parametrize("where", ["description", "history", "result"])
def test_words_in_tools_and_in_what_is_sent_back_are_refused(
    where: str, client: OpenAI, rich_alice: Member, tools: Upstream
) -> None:
    save_list(WordAction.REJECT, "红苹果")
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    said: Any = {"tools": TOOLS, "messages": HELLO}
    if where == "description":
        said["tools"] = [{"type": "function", "function": {"name": "f", "description": "红苹果"}}]
    else:
        if where == "history":
            call["function"] = {"name": "weather", "arguments": json.dumps({"a": "红苹果"})}
        content = "红苹果" if where == "result" else "sunny"
        said["messages"] = [
            *HELLO,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": content},
        ]

    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="base", **said)

    assert refused.value.code == "content_policy_violation"
    assert (Generation.objects.count(), paid(rich_alice)) == (0, 0)


def test_a_tool_may_have_nothing_to_say_and_its_words_are_masked(
    client: OpenAI, tools: Upstream, begin: Callable[[], None]
) -> None:
    save_list(WordAction.MASK, "红苹果")
    begin()
    tools.scripts["up-base"] = answer("yes")
    calls = [
        {"id": f"c{number}", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        for number in (1, 2)
    ]
    messages: Any = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "一个红苹果"},
        {"role": "tool", "tool_call_id": "c2", "content": ""},
    ]

    ask(client, messages=messages)

    sent = tools.requests[-1]["messages"]
    assert [turn["content"] for turn in sent] == ["hello", None, "一个＊＊＊", ""]
    assert [call["id"] for call in sent[1]["tool_calls"]] == ["c1", "c2"]


def test_a_model_without_tools_is_not_asked_with_them(client: OpenAI, rich_alice: Member, upstream: Upstream) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="base", messages=HELLO, tools=TOOLS)

    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "tools")
    assert (Generation.objects.count(), paid(rich_alice), upstream.requests) == (0, 0, [])


@pytest.mark.parametrize("wanted", [{"tools": TOOLS, "tool_choice": "none"}, {}])
def test_calls_that_nobody_asked_for_are_not_handed_out(
    wanted: Any, client: OpenAI, tools: Upstream, engine: EngineThread
) -> None:
    tools.scripts["up-base"] = calling()

    said = client.chat.completions.create(model="base", messages=HELLO, **wanted)

    assert (said.choices[0].message.content, said.choices[0].message.tool_calls) == ("let me see", None)
    assert said.choices[0].finish_reason == "stop"


def test_calls_are_in_the_export_and_are_erased(
    client: OpenAI, rich_alice: Member, tools: Upstream, engine: EngineThread
) -> None:
    tools.scripts["up-base"] = calling()
    ask(client)

    (told,) = services.export_generations(user_id=rich_alice.id)
    assert [call["name"] for call in told["tool_calls"]] == ["weather", "weather"]
    assert told["options"]["tools"] == TOOLS

    with transaction.atomic():
        services.erase_texts(user_id=rich_alice.id, now=clock.now())
    assert (only().tool_calls, only().options) == (None, None)
    assert_audit_is_clean()
