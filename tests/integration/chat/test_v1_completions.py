"""OpenAI's API with the official client, unmodified: answers at once and streamed, on the same engine and money."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from django.conf import settings
from openai import AsyncOpenAI, OpenAI

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import PerTokens
from apps.chat.models import Generation
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread, give_quota, make_model, set_limits, wait_for
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_v1_models import key_of
from tests.integration.chat.upstream import Drop, Upstream, answer, failure, piece, reason

pytestmark = pytest.mark.django_db(transaction=True)

HELLO: Any = [{"role": "user", "content": "hello"}]


@pytest.fixture
def client(site: str, rich_alice: Member) -> Iterator[OpenAI]:
    """The official client with a key of Alice's, as anybody makes one."""
    with OpenAI(base_url=f"{site}/v1", api_key=key_of(rich_alice)) as made:
        yield made


def only() -> Generation:
    """The one generation that there is."""
    return Generation.objects.get()


def paid(member: Member) -> int:
    """What of Alice's five credits is gone, or held."""
    quota = services.quota_of(user_id=member.id, now=clock.now())
    return 5000 - quota.balance_milli + quota.held_milli


def wait_until_settled() -> Generation:
    wait_for(lambda: not Generation.objects.filter(settled_at=None).exists(), what="a settled generation")
    return only()


def test_an_answer_comes_at_once(client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = answer("你好，", "world")

    said = client.chat.completions.with_raw_response.create(model="base", messages=HELLO, max_tokens=50)

    told = said.parse()
    row = only()
    assert (told.id, told.object, told.model) == (f"chatcmpl-{row.pk.hex}", "chat.completion", "base")
    assert abs(told.created - row.created_at.timestamp()) <= 1
    (choice,) = told.choices
    assert (choice.index, choice.finish_reason, choice.message.role) == (0, "stop", "assistant")
    assert choice.message.content == "你好，world"
    assert told.usage is not None
    assert (told.usage.prompt_tokens, told.usage.completion_tokens, told.usage.total_tokens) == (7, 5, 12)
    assert said.headers["x-request-id"].startswith("req_")
    assert said.headers["openai-processing-ms"].isdecimal()
    assert upstream.requests[-1]["max_tokens"] == 50
    assert upstream.requests[-1]["messages"] == HELLO
    assert paid(rich_alice) == 1000
    assert_audit_is_clean()


def test_an_answer_comes_as_a_stream(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    gate = threading.Event()
    upstream.scripts["up-base"] = [piece("你好，"), gate, *answer("world")]
    seen = []

    with client.chat.completions.create(model="base", messages=HELLO, stream=True) as stream:
        for chunk in stream:
            seen.append(chunk)
            if chunk.choices[0].delta.content:
                gate.set()

    assert "".join(chunk.choices[0].delta.content or "" for chunk in seen) == "你好，world"
    assert {(chunk.id, chunk.object, chunk.model, chunk.created) for chunk in seen} == {
        (f"chatcmpl-{only().pk.hex}", "chat.completion.chunk", "base", seen[0].created)
    }
    assert seen[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in seen if chunk.choices[0].finish_reason] == ["stop"]
    # Who did not ask for it gets no chunk without a choice, and no usage.
    assert all(chunk.choices and "usage" not in chunk.model_fields_set for chunk in seen)
    assert paid(rich_alice) == 1000
    assert_audit_is_clean()


def test_usage_comes_last_for_who_asks_for_it(client: OpenAI, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = answer("one ", "two")

    stream = client.chat.completions.create(
        model="base", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    seen = list(stream)

    assert [chunk.choices == [] for chunk in seen] == [*([False] * (len(seen) - 1)), True]
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in seen[:-1])
    assert seen[-1].usage is not None
    assert (seen[-1].usage.prompt_tokens, seen[-1].usage.total_tokens) == (7, 12)


def test_the_asynchronous_client_gets_the_same(
    site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("one two")
    key = key_of(rich_alice)

    async def ask() -> tuple[str | None, str]:
        async with AsyncOpenAI(base_url=f"{site}/v1", api_key=key) as client:
            models = [model.id async for model in client.models.list()]
            assert models == ["base"]
            whole, stream = await asyncio.gather(
                client.chat.completions.create(model="base", messages=HELLO),
                client.chat.completions.create(model="base", messages=HELLO, stream=True),
            )
            return whole.choices[0].message.content, "".join(
                [chunk.choices[0].delta.content or "" async for chunk in stream]
            )

    assert asyncio.run(ask()) == ("one two", "one two")
    assert paid(rich_alice) == 2000


def test_every_turn_goes_upstream(client: OpenAI, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = answer("four")
    turns: Any = [
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}], "name": "ann"},
        {"role": "assistant", "content": "three", "refusal": None, "tool_calls": None, "annotations": []},
        {"role": "user", "content": "and?"},
    ]

    client.chat.completions.create(model="base", messages=turns, temperature=0.2, seed=7, user="ann", n=1, stop=[])

    assert upstream.requests[-1]["messages"] == [
        {"role": "user", "content": "one\ntwo"},
        {"role": "assistant", "content": "three"},
        {"role": "user", "content": "and?"},
    ]


def test_the_system_speaks_only_where_operators_let_it(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("yes")
    turns: Any = [{"role": "developer", "content": "Be brief."}, {"role": "system", "content": "And kind."}, *HELLO]

    with pytest.raises(openai.PermissionDeniedError) as refusal:
        client.chat.completions.create(model="base", messages=turns)
    assert (refusal.value.code, refusal.value.param) == ("system_prompt_refused", "messages")
    assert (Generation.objects.count(), paid(rich_alice)) == (0, 0)

    services.save_rule(code="system-prompts", is_on=False, place=None, actor="staff:1", reason="t", now=clock.now())
    client.chat.completions.create(model="base", messages=turns)
    assert upstream.requests[-1]["messages"][0] == {"role": "system", "content": "Be brief.\nAnd kind."}


def test_what_is_asked_for_bounds_what_is_held_and_asked(
    site: str, alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    """By the token: ten tokens of an answer are held for, not the model's two thousand."""
    set_limits(free_per_day=0)
    give_quota(alice.id, 1000)
    prices = PerTokens(input_milli=1000, cached_milli=1000, output_milli=1000)
    services.save_model(code="base", name="Base", price=prices, now=clock.now())
    gate = threading.Event()
    upstream.scripts["up-base"] = [piece("one"), gate, *answer()]

    with OpenAI(base_url=f"{site}/v1", api_key=key_of(alice)) as client:
        stream = client.chat.completions.create(
            model="base", messages=HELLO, stream=True, max_completion_tokens=10, max_tokens=20
        )
        next(stream)
        row = only()
        assert row.max_output_tokens == 10
        assert 10 < row.held_milli < 30
        assert not row.is_shortened
        gate.set()
        list(stream)

    assert upstream.requests[-1]["max_tokens"] == 10
    assert_audit_is_clean()


def test_a_model_that_gives_less_than_is_asked_for_gives_what_it_has(
    client: OpenAI, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [piece("one two"), reason("length")]

    told = client.chat.completions.create(model="base", messages=HELLO, max_tokens=100_000)

    assert upstream.requests[-1]["max_tokens"] == 2000
    assert told.choices[0].finish_reason == "length"


def test_a_stream_that_breaks_ends_with_an_error_and_not_as_if_it_were_whole(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [piece("one "), failure("server_error")]
    seen: list[Any] = []
    stream = client.chat.completions.create(model="base", messages=HELLO, stream=True)

    with pytest.raises(openai.APIError) as broken:
        seen.extend(chunk.choices[0] for chunk in stream)

    assert "".join(choice.delta.content or "" for choice in seen) == "one "
    assert {choice.finish_reason for choice in seen} == {None}
    assert (broken.value.type, broken.value.code) == ("server_error", "upstream_failed")
    # What was delivered is paid for.
    assert paid(rich_alice) == 1000


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_channel_that_fails_at_once_is_a_status_and_costs_nothing(
    is_streamed: bool, site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [failure("server_error")]

    with (
        OpenAI(base_url=f"{site}/v1", api_key=key_of(rich_alice), max_retries=0) as client,
        pytest.raises(openai.InternalServerError) as failed,
    ):
        client.chat.completions.create(model="base", messages=HELLO, stream=is_streamed)

    assert (failed.value.status_code, failed.value.type) == (502, "server_error")
    assert failed.value.request_id is not None
    assert paid(rich_alice) == 0
    assert_audit_is_clean()


def test_an_answer_at_once_that_broke_off_is_handed_out_for_it_is_paid(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [piece("one "), Drop()]

    told = client.chat.completions.create(model="base", messages=HELLO)

    assert (told.choices[0].message.content, told.choices[0].finish_reason) == ("one ", "length")
    assert paid(rich_alice) == 1000


@pytest.mark.parametrize("is_streamed", [False, True])
def test_what_is_held_back_as_a_whole_says_so(
    is_streamed: bool, client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [reason("content_filter")]

    told: Any = client.chat.completions.create(model="base", messages=HELLO, stream=is_streamed)

    choices = [chunk.choices[0] for chunk in told] if is_streamed else told.choices
    assert choices[-1].finish_reason == "content_filter"
    assert paid(rich_alice) == 0


@pytest.mark.parametrize("status", [429, 402])
def test_no_quota_is_told_once_and_not_asked_for_again(
    status: int, site: str, alice: Member, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "QUOTA_REFUSED_STATUS", status)
    set_limits(free_per_day=0)
    asked = []
    http = httpx2.Client(event_hooks={"response": [lambda response: asked.append(response.status_code)]})

    with (
        OpenAI(base_url=f"{site}/v1", api_key=key_of(alice), http_client=http) as client,
        pytest.raises(openai.APIStatusError) as refusal,
    ):
        client.chat.completions.create(model="base", messages=HELLO)

    assert asked == [status]
    assert (refusal.value.type, refusal.value.code) == ("insufficient_quota", "credit_balance_exhausted")
    assert refusal.value.response.headers["x-should-retry"] == "false"
    assert "retry-after" not in refusal.value.response.headers
    assert (Generation.objects.count(), upstream.requests) == (0, [])


@pytest.mark.parametrize("status", [429, 402])
def test_a_key_whose_cap_is_reached_is_told_once(
    status: int, site: str, rich_alice: Member, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "QUOTA_REFUSED_STATUS", status)
    key = key_of(rich_alice, spend_cap_milli=999)

    with OpenAI(base_url=f"{site}/v1", api_key=key) as client, pytest.raises(openai.APIStatusError) as refusal:
        client.chat.completions.create(model="base", messages=HELLO)

    assert (refusal.value.status_code, refusal.value.type) == (status, "insufficient_quota")
    assert refusal.value.code == "project_spend_limit_exceeded"
    assert refusal.value.response.headers["x-should-retry"] == "false"
    assert (Generation.objects.count(), paid(rich_alice)) == (0, 0)


def test_who_asks_for_too_many_at_once_is_told_to_wait(
    site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    set_limits(free_per_day=0, max_running=1)
    gate = threading.Event()
    upstream.scripts["up-base"] = [piece("one"), gate, *answer()]

    with OpenAI(base_url=f"{site}/v1", api_key=key_of(rich_alice), max_retries=0) as client:
        stream = client.chat.completions.create(model="base", messages=HELLO, stream=True)
        next(stream)
        with pytest.raises(openai.RateLimitError) as refusal:
            client.chat.completions.create(model="base", messages=HELLO)
        gate.set()
        list(stream)

    assert (refusal.value.type, refusal.value.code) == ("rate_limit_error", "concurrency")
    assert int(refusal.value.response.headers["Retry-After"]) >= 1
    assert paid(rich_alice) == 1000


@pytest.mark.parametrize(
    ("model", "limits", "told"),
    [
        ("none", {}, (404, "model_not_found")),
        ("deep", {}, (403, "model_not_entitled")),
        ("base", {"allowed_models": ("deep",)}, (403, "model_not_allowed")),
        ("base", {"scopes": ("account",)}, (403, "scope_missing")),
        ("base", {"allowed_networks": ("203.0.113.7/32",)}, (403, "network_not_allowed")),
    ],
)
def test_what_a_key_may_not_is_refused_before_anything_is_asked(
    model: str, limits: dict[str, Any], told: tuple[int, str], site: str, rich_alice: Member
) -> None:
    make_model("base")
    make_model("deep", needs_entitlement=True)

    with (
        OpenAI(base_url=f"{site}/v1", api_key=key_of(rich_alice, **limits)) as client,
        pytest.raises(openai.APIStatusError) as refusal,
    ):
        client.chat.completions.create(model=model, messages=HELLO, stream=True)

    assert (refusal.value.status_code, refusal.value.code) == told
    assert (Generation.objects.count(), paid(rich_alice)) == (0, 0)
