"""The model server behind a real uvicorn, read by the real `openai` client.

Of the database it asks only which faults are on.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from django.conf import settings
from django.test import Client
from openai import OpenAI

from apps.kernel import clock
from apps.sandbox.engine import streams, tokens
from apps.sandbox.services import faults

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = "怎么安排一天的学习？"


@pytest.fixture
def model(model_url: str) -> Iterator[OpenAI]:
    """The client that everybody uses, without its retries."""
    with OpenAI(base_url=model_url, api_key=settings.SANDBOX["MODEL_API_KEY"], max_retries=0, timeout=10) as client:
        yield client


def asked(model: str, *, content: str = QUESTION, **options: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": content}], **options}


def streamed(client: OpenAI, model: str, **options: Any) -> list[Any]:
    options.setdefault("stream_options", {"include_usage": True})
    return list(client.chat.completions.create(**asked(model, stream=True, **options)))


def text_of(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def ends_of(chunks: list[Any]) -> list[str]:
    return [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]


def test_a_stream_ends_with_a_reason_and_then_its_usage(model: OpenAI) -> None:
    chunks = streamed(model, "demo-swift")

    assert chunks[0].choices[0].delta.role == "assistant"
    assert ends_of(chunks) == ["stop"]
    assert chunks[-1].choices == []
    usage = chunks[-1].usage
    assert usage.prompt_tokens == tokens.count([QUESTION])
    assert usage.completion_tokens == len(tokens.split(text_of(chunks)))
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_both_shapes_say_and_bill_the_same(model: OpenAI) -> None:
    chunks = streamed(model, "demo-swift")
    whole = model.chat.completions.create(**asked("demo-swift"))

    assert whole.choices[0].message.content == text_of(chunks)
    assert whole.usage == chunks[-1].usage
    assert "演示模型" in text_of(chunks)


def test_without_include_usage_no_chunk_has_any(model: OpenAI) -> None:
    chunks = streamed(model, "demo-swift", stream_options={"include_usage": False})

    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_max_tokens_ends_an_answer_early(model: OpenAI) -> None:
    chunks = streamed(model, "demo-swift", max_tokens=7)

    assert ends_of(chunks) == ["length"]
    assert chunks[-1].usage.completion_tokens == 7
    assert len(tokens.split(text_of(chunks))) == 7


def test_the_deep_model_keeps_the_line_alive_and_reasons_first(model: OpenAI, model_url: str) -> None:
    chunks = streamed(model, "demo-deep", max_tokens=100, content="repeat: done")

    reasoning = "".join(c.choices[0].delta.model_extra.get("reasoning_content", "") for c in chunks if c.choices)
    assert reasoning.startswith("The question first")
    assert text_of(chunks) == "done"
    assert chunks[-1].usage.completion_tokens_details.reasoning_tokens == len(tokens.split(reasoning))
    raw = raw_stream(model_url, "demo-deep", max_tokens=1)
    assert raw.startswith(b": keep-alive\n\n")
    assert raw.endswith(b"data: [DONE]\n\n")


def test_the_steady_model_types(model: OpenAI) -> None:
    started = time.monotonic()
    chunks = streamed(model, "demo-steady", max_tokens=20)

    assert len([chunk for chunk in chunks if chunk.choices]) == 22
    assert 0.5 < time.monotonic() - started < 5


def test_models_are_listed_without_the_faulty_ones(model: OpenAI) -> None:
    assert [each.id for each in model.models.list()] == [
        "demo-swift", "demo-steady", "demo-deep", "demo-vectors", "demo-painter",
    ]  # fmt: skip
    assert model.models.retrieve("demo-deep").id == "demo-deep"
    with pytest.raises(openai.NotFoundError):
        model.models.retrieve("fault-500")


@pytest.mark.parametrize(
    ("key", "body", "status", "code"),
    [
        ("sk-wrong", asked("demo-swift"), 401, "invalid_api_key"),
        (None, asked("demo-huge"), 404, "model_not_found"),
        (None, {"model": "demo-swift", "messages": []}, 400, "invalid_request"),
    ],
)
def test_a_bad_call_is_refused(model_url: str, key: str | None, body: dict[str, Any], status: int, code: str) -> None:
    answer = httpx2.post(f"{model_url}/chat/completions", json=body, headers=bearer(key), trust_env=False)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_fault_500(model: OpenAI) -> None:
    with pytest.raises(openai.InternalServerError):
        streamed(model, "fault-500")


def test_fault_429(model: OpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as refusal:
        streamed(model, "fault-429")

    assert refusal.value.code == "rate_limit_exceeded"
    assert refusal.value.response.headers["Retry-After"] == "1"


def test_fault_drop_mid(model: OpenAI) -> None:
    received: list[Any] = []

    with pytest.raises((openai.APIConnectionError, httpx2.RemoteProtocolError)):
        received.extend(model.chat.completions.create(**asked("fault-drop-mid", stream=True)))

    assert text_of(received)
    assert ends_of(received) == []


def test_fault_eof_no_done(model: OpenAI, model_url: str) -> None:
    chunks = streamed(model, "fault-eof-no-done")

    assert text_of(chunks)
    assert ends_of(chunks) == []
    assert all(chunk.usage is None for chunk in chunks)
    assert b"[DONE]" not in raw_stream(model_url, "fault-eof-no-done")


def test_fault_error_in_stream(model: OpenAI) -> None:
    received: list[Any] = []

    with pytest.raises(openai.APIError) as failure:
        received.extend(model.chat.completions.create(**asked("fault-error-in-stream", stream=True)))

    assert failure.value.code == "stream_error"
    assert text_of(received)


def test_fault_no_usage(model: OpenAI) -> None:
    chunks = streamed(model, "fault-no-usage")

    assert ends_of(chunks) == ["stop"]
    assert all(chunk.usage is None for chunk in chunks)
    assert model.chat.completions.create(**asked("fault-no-usage")).usage is None


def test_fault_split_utf8(model: OpenAI, model_url: str) -> None:
    assert text_of(streamed(model, "fault-split-utf8")) == text_of(streamed(model, "demo-swift"))
    with httpx2.stream(
        "POST",
        f"{model_url}/chat/completions",
        json=asked("fault-split-utf8", stream=True),
        headers=bearer(),
        trust_env=False,
    ) as answer:
        cut = [part for part in answer.iter_raw() if not is_whole(part)]
    assert cut


def test_fault_empty(model: OpenAI) -> None:
    chunks = streamed(model, "fault-empty")

    assert text_of(chunks) == ""
    assert ends_of(chunks) == ["stop"]
    assert chunks[-1].usage.completion_tokens == 0


def test_fault_hang_is_left_by_its_reader_and_counted(model: OpenAI, model_url: str) -> None:
    before = httpx2.get(f"{model_url}/stat", headers=bearer(), trust_env=False).json()

    with pytest.raises(openai.APITimeoutError):
        streamed(model.with_options(timeout=0.3), "fault-hang")

    deadline = time.monotonic() + 5
    while (now := httpx2.get(f"{model_url}/stat", headers=bearer(), trust_env=False).json())["open"]:
        assert time.monotonic() < deadline, now
    assert now["abandoned"] == before["abandoned"] + 1


@pytest.mark.parametrize("name", sorted(streams.FAULTS))
def test_each_fault_can_be_switched_on_and_strikes_as_often_as_was_said(name: str) -> None:
    faults.switch_on(name=name, times=2, now=clock.now())

    assert [faults.strike_model() for _ in range(3)] == [name, name, ""]


def test_a_fault_that_is_on_strikes_the_demo_models_and_no_others(model: OpenAI, model_url: str) -> None:
    for name in ("fault-402", "fault-length"):
        Client().post("/sandbox/faults", {"name": name, "times": 1}, content_type="application/json")

    # Who misbehaves by its own name uses up nothing.
    assert ends_of(streamed(model, "fault-bom")) == ["stop"]
    with pytest.raises(openai.APIStatusError) as refusal:
        streamed(model, "demo-swift")
    assert refusal.value.status_code == 402
    assert ends_of(streamed(model, "demo-steady", max_tokens=8)) == ["length"]
    assert ends_of(streamed(model, "demo-swift")) == ["stop"]


def test_a_fault_is_over_when_it_is_switched_off(model: OpenAI) -> None:
    faults.switch_on(name="fault-500", times=None, now=clock.now())
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            streamed(model, "demo-swift")

    faults.switch_off(name="fault-500")

    assert ends_of(streamed(model, "demo-swift")) == ["stop"]


def bearer(key: str | None = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {key or settings.SANDBOX['MODEL_API_KEY']}"}


def raw_stream(url: str, model: str, **options: Any) -> bytes:
    answer = httpx2.post(
        f"{url}/chat/completions", json=asked(model, stream=True, **options), headers=bearer(), trust_env=False
    )
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    return answer.content


def is_whole(part: bytes) -> bool:
    try:
        json.dumps(part.decode())
    except UnicodeDecodeError:
        return False
    return True
