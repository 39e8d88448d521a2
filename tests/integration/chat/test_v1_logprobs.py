"""How likely tokens were: passed through where a provider says it, and never around the operators' words."""

import json
from typing import Any

import openai
import pytest
from openai import OpenAI

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import ListedWords, WordAction
from apps.chat.models import Generation
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_v1_completions import HELLO, client, only
from tests.integration.chat.test_v1_sandbox import client_of
from tests.integration.chat.upstream import DONE, Upstream, event, piece, reason, usage

__all__ = ["client"]

pytestmark = pytest.mark.django_db(transaction=True)


def token(text: str, *others: str, **more: Any) -> dict[str, Any]:
    """One as a provider says it."""
    said = {"token": text, "logprob": -0.5, "bytes": list(text.encode())}
    return {**said, "top_logprobs": [{"token": other, "logprob": -2, "bytes": None} for other in others], **more}


def likely(text: str, *tokens: Any) -> bytes:
    """A piece with what is said of its tokens."""
    choice = {"index": 0, "delta": {"content": text}, "logprobs": {"content": list(tokens)}, "finish_reason": None}
    return event({"choices": [choice]})


def ask(client: OpenAI, **more: Any) -> Any:
    asked: dict[str, Any] = {"model": "base", "messages": HELLO, "logprobs": True, "top_logprobs": 2, **more}
    return client.chat.completions.create(**asked)


@pytest.fixture
def listed(request: pytest.FixtureRequest) -> WordAction:
    """What is done about a word; asked for before the engine, which hears of new ones within two seconds only."""
    action: WordAction = request.param
    services.save_word_list(
        code="bad", name="Bad", action=action, listed=ListedWords(words=("bad",)), actor="staff:1", reason="test",
        now=clock.now(),
    )  # fmt: skip
    return action


def test_they_come_with_the_answer(client: OpenAI, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = [
        likely("你", token("你", "我")),
        likely("好", token("好")),
        reason("stop"),
        usage(7, 2),
    ]

    told = ask(client)

    assert (upstream.requests[-1]["logprobs"], upstream.requests[-1]["top_logprobs"]) == (True, 2)
    content = told.choices[0].logprobs.content
    assert [(each.token, each.logprob, each.bytes) for each in content] == [
        ("你", -0.5, [228, 189, 160]), ("好", -0.5, [229, 165, 189]),
    ]  # fmt: skip
    assert [other.token for other in content[0].top_logprobs] == ["我"]
    assert only().logprobs[0]["token"] == "你"  # type: ignore[index]
    assert_audit_is_clean()


def test_they_come_with_the_end_of_a_stream(client: OpenAI, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = [likely("one", token("one")), reason("stop"), usage(7, 2), DONE]

    chunks = [chunk.choices[0] for chunk in ask(client, stream=True)]

    assert [bool(chunk.logprobs) for chunk in chunks] == [*([False] * (len(chunks) - 1)), True]
    assert [each.token for each in chunks[-1].logprobs.content] == ["one"]
    assert chunks[-1].finish_reason == "stop"


def test_who_does_not_ask_hears_nothing_of_them(client: OpenAI, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = [likely("one", token("one")), reason("stop")]

    told = ask(client, logprobs=False, top_logprobs=0)

    assert told.choices[0].logprobs is None
    assert "logprobs" not in upstream.requests[-1]
    assert only().logprobs is None


@pytest.mark.parametrize("listed", [WordAction.MASK, WordAction.REJECT], indirect=True)
@pytest.mark.parametrize(
    "tokens", [[token("a "), token("ba"), token("d")], [token("a fine"), token("one", "bad")]], ids=["said", "could"]
)
def test_what_words_keep_back_does_not_leak_through_them(
    tokens: list[Any], listed: WordAction, client: OpenAI, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [
        *(likely(each["token"], each) for each in tokens), reason("stop"), usage(7, 2),
    ]  # fmt: skip

    told = ask(client)

    assert told.choices[0].logprobs is None
    assert Generation.objects.get().logprobs is None


@pytest.mark.parametrize("listed", [WordAction.FLAG], indirect=True)
def test_a_word_that_is_only_recorded_keeps_nothing_back(
    listed: WordAction, client: OpenAI, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [likely("bad", token("bad")), reason("stop"), usage(7, 2)]

    assert ask(client).choices[0].logprobs.content[0].token == "bad"


@pytest.mark.parametrize(
    "strange",
    [
        "x",
        {"token": 5},
        {"token": "a", "logprob": "high"},
        token("a", bytes=[300]),
        token("x" * 1000),
        token("a", top_logprobs=[None]),
        token("a\u0000b"),
        token("a", logprob=0.1),
        token("a", logprob=int("9" * 400)),
        token("a", logprob=-int("9" * 400)),
        token("a", logprob=float("-inf")),
        token("a", logprob=float("nan")),
        {**token("a"), "top_logprobs": [token("b", logprob=1)]},
    ],
)
def test_what_is_no_token_is_not_handed_on(
    strange: Any, client: OpenAI, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [likely("one", token("one")), likely("two", strange), reason("stop")]

    told = ask(client)

    assert (told.choices[0].message.content, told.choices[0].logprobs) == ("onetwo", None)


@pytest.mark.parametrize("strange", ["9" * 5000, "[" * 5000 + "]" * 5000], ids=["figures", "brackets"])
@pytest.mark.parametrize("place", ["logprobs", "usage", "annotations", "reasoning"], ids=lambda place: f"in {place}")
def test_what_cannot_be_read_takes_no_words_with_it(
    place: str, strange: str, client: OpenAI, upstream: Upstream, engine: EngineThread
) -> None:
    choice: dict[str, Any] = {"index": 0, "delta": {"content": "two"}, "finish_reason": None}
    said: dict[str, Any] = {"choices": [choice]}
    if place == "logprobs":
        choice["logprobs"] = {"content": [token("two", logprob="strange")]}
    elif place == "usage":
        said["usage"] = {"prompt_tokens": "strange", "completion_tokens": 1}
    else:
        choice["delta"][place] = "strange"
    odd = event(said).replace(b'"strange"', strange.encode())
    upstream.scripts["up-base"] = [likely("one", token("one")), odd, reason("stop"), usage(7, 2), DONE]

    told = ask(client)

    assert (told.choices[0].message.content, told.choices[0].finish_reason) == ("onetwo", "stop")
    assert (told.choices[0].logprobs is None) == (place == "logprobs")
    assert told.usage.completion_tokens == 2
    assert_audit_is_clean()


def test_more_than_can_be_kept_is_not_kept(client: OpenAI, upstream: Upstream, engine: EngineThread) -> None:
    many = [token("a", *("b" * 20)) for _ in range(1000)]
    pieces = [likely("a" * 50, *many[start : start + 50]) for start in range(0, 1000, 50)]
    upstream.scripts["up-base"] = [*pieces, reason("stop")]

    told = ask(client, top_logprobs=20)

    assert (len(told.choices[0].message.content), told.choices[0].logprobs) == (1000, None)


def test_a_model_that_does_not_take_them_answers_without(
    client: OpenAI, upstream: Upstream, engine: EngineThread
) -> None:
    refused = {"error": {"code": "unsupported_parameter", "param": "logprobs", "message": "no"}}
    also = {"error": {"code": "unsupported_parameter", "param": "top_logprobs", "message": "no"}}
    upstream.refused_options = {"logprobs": refused, "top_logprobs": also}
    upstream.scripts["up-base"] = [piece("one"), reason("stop")]

    told = ask(client)

    assert (told.choices[0].message.content, told.choices[0].logprobs) == ("one", None)


def test_prompts_have_them_in_columns(client: OpenAI, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = [likely("one ", token("one ", "two")), likely("two", token("two")), reason("stop")]

    told = client.completions.create(model="base", prompt="hello", logprobs=3)

    assert upstream.requests[-1]["top_logprobs"] == 3
    logprobs = told.choices[0].logprobs
    assert logprobs is not None
    assert (logprobs.tokens, logprobs.token_logprobs, logprobs.text_offset) == (["one ", "two"], [-0.5, -0.5], [0, 4])
    assert logprobs.top_logprobs == [{"two": -2}, {}]


def test_responses_include_them(client: OpenAI, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = [likely("one", token("one")), reason("stop")]

    told: Any = client.responses.create(model="base", input="hello", include=["message.output_text.logprobs"])

    assert [each.token for each in told.output[0].content[0].logprobs] == ["one"]


@pytest.mark.parametrize("said", [{"top_logprobs": 21}, {"top_logprobs": -1}, {"logprobs": None, "top_logprobs": 2}])
def test_what_cannot_be_asked_for_is_refused(said: dict[str, Any], client: OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        ask(client, **said)

    assert (refusal.value.param, refusal.value.code) == ("top_logprobs", "invalid_value")
    assert Generation.objects.count() == 0


def test_the_sandbox_says_them_stops_where_it_shall_and_writes_in_a_format(
    site: str, rich_alice: Member, engine: EngineThread
) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "array", "items": {"type": "integer"}}},
    }
    said: Any = [{"role": "user", "content": "repeat: one two three"}]
    form: Any = {"type": "json_schema", "json_schema": {"name": "trip", "schema": schema}}
    with client_of(site, rich_alice, "demo-swift") as made:
        stopped = made.chat.completions.create(
            model="base", messages=said, stop=[" three"], logprobs=True, top_logprobs=1
        )
        formed = made.chat.completions.create(
            model="base",
            messages=said,
            response_format=form,
        )
        plain = made.chat.completions.create(model="base", messages=said, response_format={"type": "json_object"})

    choice = stopped.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("one two", "stop")
    assert choice.logprobs is not None
    assert "".join(each.token for each in choice.logprobs.content or []) == "one two"
    assert json.loads(formed.choices[0].message.content or "") == {"city": said[0]["content"], "days": [1]}
    assert json.loads(plain.choices[0].message.content or "") == {"answer": "one two three"}
