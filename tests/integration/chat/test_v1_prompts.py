"""OpenAI's older completions with the official client: texts that go on from prompts, as choices."""

from typing import Any

import openai
import pytest
from openai import OpenAI

from apps.accounts.contracts import Member
from apps.chat.models import Generation
from tests.integration.chat.conftest import EngineThread
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_v1_completions import client, only, paid
from tests.integration.chat.test_v1_models import bearer, error_of, key_of
from tests.integration.chat.upstream import Upstream, answer, failure, piece, reason

__all__ = ["client"]

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_prompt_is_asked_as_a_question(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("a ", "time")

    told = client.completions.create(model="base", prompt="Once upon", temperature=0.2, best_of=1, suffix="")

    assert (told.id, told.object, told.model) == (f"cmpl-{only().pk.hex}", "text_completion", "base")
    assert [(choice.index, choice.text, choice.finish_reason) for choice in told.choices] == [(0, "a time", "stop")]
    assert told.usage is not None
    assert told.usage.total_tokens == 12
    sent = upstream.requests[-1]
    assert (sent["messages"], sent["temperature"]) == ([{"role": "user", "content": "Once upon"}], 0.2)
    # So little is given to those who do not say how much.
    assert sent["max_tokens"] == 16
    assert paid(rich_alice) == 1000
    assert_audit_is_clean()


def test_several_prompts_and_several_answers_are_choices_in_their_order(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("…")

    told = client.completions.create(model="base", prompt=["one", "two"], n=2, echo=True, max_tokens=5)

    assert [(choice.index, choice.text) for choice in told.choices] == [
        (0, "one…"), (1, "one…"), (2, "two…"), (3, "two…"),
    ]  # fmt: skip
    assert {row.max_output_tokens for row in Generation.objects.all()} == {5}
    assert paid(rich_alice) == 4000
    assert_audit_is_clean()


def test_texts_are_streamed_behind_their_prompt(client: OpenAI, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = [piece("one "), piece("two"), reason("length")]

    stream = client.completions.create(
        model="base", prompt="zero ", stream=True, echo=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)

    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == "zero one two"
    assert {chunk.object for chunk in chunks} == {"text_completion"}
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "length"
    assert (chunks[-1].choices, chunks[-1].usage is not None) == ([], True)


def test_what_breaks_off_is_an_error(client: OpenAI, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = [piece("one "), failure("server_error")]

    stream = client.completions.create(model="base", prompt="hello", stream=True)

    with pytest.raises(openai.APIError) as broken:
        list(stream)
    assert broken.value.code == "upstream_failed"


@pytest.mark.parametrize(
    ("said", "param", "code"),
    [
        ({"prompt": None}, "prompt", "missing_required_parameter"),
        ({"prompt": []}, "prompt", "invalid_value"),
        ({"prompt": ""}, "prompt", "invalid_value"),
        ({"prompt": {"a": 1}}, "prompt", "invalid_value"),
        ({"prompt": [True]}, "prompt", "invalid_value"),
        ({"prompt": [1, 2, 3]}, "prompt", "unsupported_value"),
        ({"prompt": [[1, 2], [3]]}, "prompt", "unsupported_value"),
        ({"prompt": ["a"] * 9}, "prompt", "invalid_value"),
        ({"prompt": ["a"] * 4, "n": 3}, "n", "invalid_value"),
        ({"prompt": "\u0000"}, "prompt", "invalid_value"),
        ({"n": 100}, "n", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"max_tokens": -5}, "max_tokens", "invalid_value"),
        ({"suffix": "the end"}, "suffix", "unsupported_parameter"),
        ({"best_of": 3}, "best_of", "unsupported_parameter"),
        ({"logprobs": "x"}, "logprobs", None),
        ({"echo": "yes"}, "echo", "invalid_value"),
        ({"messages": []}, "messages", "unknown_parameter"),
        ({"tools": []}, "tools", "unknown_parameter"),
    ],
)
def test_what_cannot_be_done_is_refused(
    *, said: dict[str, Any], param: str, code: str | None, rich_alice: Member, model: str, visitor: Any
) -> None:
    response = visitor.post(
        "/v1/completions",
        {"model": "base", "prompt": "hello", **said},
        content_type="application/json",
        headers=bearer(key_of(rich_alice)),
    )

    error = error_of(response)
    assert (response.status_code, error["param"]) == (400, param)
    assert code is None or error["code"] == code
    assert (Generation.objects.count(), paid(rich_alice)) == (0, 0)


def test_of_two_prompts_of_which_one_is_refused_none_is_asked(rich_alice: Member, model: str, visitor: Any) -> None:
    response = visitor.post(
        "/v1/completions",
        {"model": "base", "prompt": ["hello", "\n"]},
        content_type="application/json",
        headers=bearer(key_of(rich_alice)),
    )

    assert (response.status_code, error_of(response)["param"]) == (400, "prompt")
    assert (Generation.objects.count(), paid(rich_alice)) == (0, 0)
