"""OpenAI's API: thoughts are paid for, so they are handed out, and nobody is told that nothing was charged."""

from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from apps.accounts.contracts import Member
from apps.chat.models import Generation
from tests.integration.chat.conftest import EngineThread
from tests.integration.chat.test_reasoning import thought
from tests.integration.chat.test_v1_completions import HELLO, client, paid
from tests.integration.chat.test_v1_models import bearer, key_of
from tests.integration.chat.upstream import Drop, Upstream, answer, reason

__all__ = ["client"]

pytestmark = pytest.mark.django_db(transaction=True)

THOUGHTS = [thought("six "), thought("by seven")]


def thoughts_of(said: Any) -> object:
    """What the official client keeps of a name that it does not know."""
    return (said.model_extra or {}).get("reasoning_content")


@pytest.mark.parametrize("reason_given", ["stop", "length"])
def test_thoughts_alone_are_an_answer_at_once_and_asked_for_once(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread, reason_given: str
) -> None:
    upstream.scripts["up-base"] = [*THOUGHTS, reason(reason_given)]

    told = client.chat.completions.create(model="base", messages=HELLO)

    (choice,) = told.choices
    assert (choice.message.content, thoughts_of(choice.message)) == ("", "six by seven")
    assert choice.finish_reason == reason_given
    assert (Generation.objects.count(), paid(rich_alice)) == (1, 1000)


def test_thoughts_alone_are_an_answer_as_a_stream(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [*THOUGHTS, reason("stop")]

    seen = list(client.chat.completions.create(model="base", messages=HELLO, stream=True))

    said = [str(thoughts_of(chunk.choices[0].delta) or "") for chunk in seen]
    assert (said[0], "".join(said), said[-1]) == ("", "six by seven", "")
    assert seen[-1].choices[0].finish_reason == "stop"
    assert (Generation.objects.count(), paid(rich_alice)) == (1, 1000)


def test_thoughts_that_broke_off_are_handed_out_and_asked_for_once(
    site: str, client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [*THOUGHTS, Drop()]

    told = client.chat.completions.create(model="base", messages=HELLO)
    with pytest.raises(openai.APIError, match="broke off"):
        list(client.chat.completions.create(model="base", messages=HELLO, stream=True, extra_headers=ENGLISH))

    assert thoughts_of(told.choices[0].message) == "six by seven"
    assert told.choices[0].finish_reason == "length"
    assert (Generation.objects.count(), paid(rich_alice)) == (2, 2000)


def test_an_answer_comes_with_its_thoughts(
    site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [*THOUGHTS, *answer("42")]
    body = {"model": "base", "messages": HELLO}

    told = httpx2.post(f"{site}/v1/chat/completions", json=body, headers=bearer(key_of(rich_alice)), timeout=60)

    message = told.json()["choices"][0]["message"]
    assert message == {"role": "assistant", "content": "42", "refusal": None, "reasoning_content": "six by seven"}


def test_where_nothing_was_written_nothing_is_charged_and_it_is_said(
    site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [reason("stop")]
    body = {"model": "base", "messages": HELLO}
    headers = {**bearer(key_of(rich_alice)), **ENGLISH}

    told = httpx2.post(f"{site}/v1/chat/completions", json=body, headers=headers, timeout=60)

    assert (told.status_code, told.json()["error"]["message"]) == (502, "No answer came. Nothing was charged.")
    assert paid(rich_alice) == 0


ENGLISH = {"Accept-Language": "en"}
