"""A key's tokens of a minute: set aside when it asks, what was not taken comes back, and OpenAI's words for it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openai import OpenAI

from apps.accounts import services as accounts
from apps.accounts.contracts import IdentifiedKey, Member
from apps.accounts.errors import ApiKeyNotPossible
from apps.chat import errors, services
from apps.chat.models import ChatModel, Generation
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread, give_quota, make_model, send, set_limits
from tests.integration.chat.test_v1_completions import HELLO, paid
from tests.integration.chat.test_v1_limits import GOOD, ask
from tests.integration.chat.test_v1_models import bearer, error_of, key_of
from tests.integration.chat.upstream import Upstream, answer
from tests.rows import unguard_all

pytestmark = pytest.mark.django_db

# What "hello" comes to by our count, with what stands around it.
ASKED = 6


def identified(member: Member, **limits: Any) -> IdentifiedKey:
    return accounts.identify_key(key=key_of(member, **limits), address="127.0.0.1", now=clock.now())


def start(key: IdentifiedKey, *, longest: int = 100, seconds: float = 0, answers: int = 1) -> services.Started:
    """Ask for answers of so many tokens, so many seconds from now."""
    return services.start_for_program(
        user_id=key.user_id,
        model="base",
        requests=[[{"role": "user", "parts": [{"type": "text", "text": "hello"}]}]],
        answers=answers,
        max_output_tokens=longest,
        key=key,
        now=clock.now() + timedelta(seconds=seconds),
    )


def test_a_key_takes_as_many_tokens_a_minute_as_it_may(rich_alice: Member, model: str) -> None:
    key = identified(rich_alice, tokens_per_minute=250)

    rates = [start(key).token_rate, start(key).token_rate]

    assert Generation.objects.first().asked_tokens == ASKED  # type: ignore[union-attr]
    assert [(rate.limit, rate.remaining) for rate in rates if rate] == [(250, 144), (250, 38)]
    with pytest.raises(errors.KeyTokensUsedUp) as refusal:
        start(key)
    assert (refusal.value.context["limit"], refusal.value.context["remaining"]) == (250, 38)
    assert refusal.value.context["retry_after"] in {59, 60}
    assert (Generation.objects.count(), paid(rich_alice)) == (2, 2000)
    assert services.refusals_by_rule() == {"key-frequency": 1}
    # What fits is taken; another key of the same member counts for itself.
    assert start(key, longest=32).token_rate.remaining == 0  # type: ignore[union-attr]
    assert start(identified(rich_alice)).token_rate is None


def test_there_is_room_as_soon_as_enough_of_it_is_a_minute_old(rich_alice: Member, model: str) -> None:
    key = identified(rich_alice, tokens_per_minute=250)
    start(key, longest=45)
    start(key, longest=145, seconds=20)

    with pytest.raises(errors.KeyTokensUsedUp) as for_little:
        start(key, longest=60, seconds=30)
    with pytest.raises(errors.KeyTokensUsedUp) as for_much:
        start(key, longest=150, seconds=30)

    assert for_little.value.context["retry_after"] in {29, 30}
    assert for_much.value.context["retry_after"] in {49, 50}
    start(key, longest=60, seconds=61)


def test_a_clock_that_was_ahead_holds_nobody_back(rich_alice: Member, model: str) -> None:
    key = identified(rich_alice, tokens_per_minute=150)
    start(key, seconds=3600)

    assert start(key).token_rate.remaining == 44  # type: ignore[union-attr]


def test_what_an_answer_did_not_take_comes_back(rich_alice: Member, model: str) -> None:
    key = identified(rich_alice, tokens_per_minute=150)
    first = start(key).generations[0]

    with pytest.raises(errors.KeyTokensUsedUp):
        start(key)
    services.stop_generation(user_id=rich_alice.id, generation_id=first.id, now=clock.now())

    assert start(key).token_rate.remaining == 44  # type: ignore[union-attr]


def test_a_request_that_no_minute_is_enough_for_is_told_so(rich_alice: Member, model: str) -> None:
    key = identified(rich_alice, tokens_per_minute=105)

    with pytest.raises(errors.RequestBeyondKeyTokens) as refusal:
        start(key)

    assert refusal.value.context == {"limit": 105, "tokens": 106}
    assert (Generation.objects.count(), paid(rich_alice)) == (0, 0)


def test_all_answers_of_a_request_count_together(rich_alice: Member, model: str) -> None:
    key = identified(rich_alice, tokens_per_minute=250)

    with pytest.raises(errors.RequestBeyondKeyTokens) as refusal:
        start(key, answers=3)
    assert refusal.value.context == {"limit": 250, "tokens": 318}

    assert start(key, answers=2).token_rate.remaining == 38  # type: ignore[union-attr]
    with pytest.raises(errors.KeyTokensUsedUp):
        start(key, answers=2)
    assert Generation.objects.count() == 2


def test_several_requests_at_once_count_together(rich_alice: Member, model: str) -> None:
    key = identified(rich_alice, tokens_per_minute=250)
    hello = [{"role": "user", "parts": [{"type": "text", "text": "hello"}]}]

    def ask_each(number: int) -> services.Started:
        return services.start_for_program(
            user_id=key.user_id,
            model="base",
            requests=[hello] * number,
            max_output_tokens=100,
            key=key,
            now=clock.now(),
        )

    with pytest.raises(errors.RequestBeyondKeyTokens):
        ask_each(3)
    assert ask_each(2).token_rate.remaining == 38  # type: ignore[union-attr]


def test_a_question_in_a_conversation_counts_too_with_what_stands_above_it(rich_alice: Member, model: str) -> None:
    set_limits(free_per_day=5)
    longest = ChatModel.objects.get().max_output_tokens
    asked = send(rich_alice.id)
    unguard_all("chat_generation")
    # As rows of before branches were counted.
    Generation.objects.update(branch_tokens=None)
    services.stop_generation(user_id=rich_alice.id, generation_id=asked.generation.id, now=clock.now())
    key = identified(rich_alice, tokens_per_minute=longest + ASKED)

    with pytest.raises(errors.RequestBeyondKeyTokens):
        send(rich_alice.id, key=key, conversation_id=asked.generation.conversation_id)


def test_without_a_limit_asking_makes_no_statement_more(rich_alice: Member, model: str) -> None:
    give_quota(rich_alice.id, 10_000)
    free, bound = identified(rich_alice), identified(rich_alice, tokens_per_minute=10_000)
    start(free)

    counts = []
    for key in (free, bound):
        with CaptureQueriesContext(connection) as made:
            start(key)
        counts.append(sum('"chat_generation"."api_key_id"' in query["sql"] and "SUM" in query["sql"] for query in made))

    assert counts == [0, 1]


@pytest.mark.django_db(transaction=True)
def test_openais_headers_tell_it(site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = answer("Hi")
    key = key_of(rich_alice, tokens_per_minute=200)

    with OpenAI(base_url=f"{site}/v1", api_key=key, max_retries=0) as client:
        raw = client.chat.completions.with_raw_response
        first = raw.create(model="base", messages=HELLO, max_tokens=100)
        second = raw.create(model="base", messages=HELLO, max_tokens=100)

    # The first has given back what it did not take by then.
    taken = first.parse().usage.total_tokens  # type: ignore[union-attr]
    heads = [
        {name: each.headers[f"x-ratelimit-{name}-tokens"] for name in ("limit", "remaining")}
        for each in (first, second)
    ]
    assert heads == [{"limit": "200", "remaining": "94"}, {"limit": "200", "remaining": str(94 - taken)}]
    assert first.headers["x-ratelimit-reset-tokens"].endswith("s")


@pytest.mark.django_db(transaction=True)
def test_too_many_tokens_are_refused_as_openai_does(rich_alice: Member, model: str, visitor: Client) -> None:
    key = key_of(rich_alice, tokens_per_minute=150)
    ask(key, max_tokens=100)

    def refused(longest: int) -> Any:
        body = {**GOOD, "max_tokens": longest}
        return visitor.post("/v1/chat/completions", body, content_type="application/json", headers=bearer(key))

    later, never = refused(100), refused(200)

    error = error_of(later)
    assert (later.status_code, error["type"], error["code"]) == (429, "rate_limit_error", "rate_limit_exceeded")
    assert 1 <= int(later["Retry-After"]) <= 60
    assert later["x-ratelimit-limit-tokens"] == "150"
    assert later["x-ratelimit-remaining-tokens"] == "44"
    assert later["x-ratelimit-reset-tokens"] == f"{later['Retry-After']}s"
    assert "x-ratelimit-limit-requests" not in later
    assert "x-should-retry" not in later
    error = error_of(never)
    assert (never.status_code, error["type"], error["code"]) == (
        400, "invalid_request_error", "request_beyond_key_tokens",
    )  # fmt: skip
    assert Generation.objects.count() == 1


@pytest.mark.parametrize("limit", [0, -1, 1_000_000_001])
def test_a_limit_that_is_none_is_refused(limit: int, alice: Member, alice_browser: Client) -> None:
    with pytest.raises(ApiKeyNotPossible):
        key_of(alice, tokens_per_minute=limit)

    body = {"name": "x", "scopes": ["chat"], "tokens_per_minute": limit}
    assert alice_browser.post("/api/v1/api-keys", body, content_type="application/json").status_code == 400


def test_a_browser_makes_a_key_with_such_a_limit_and_sees_it(alice_browser: Client, alice: Member) -> None:
    make_model()
    body = {"name": "x", "scopes": ["chat"], "tokens_per_minute": 90_000}

    made = alice_browser.post("/api/v1/api-keys", body, content_type="application/json").json()

    assert made["tokens_per_minute"] == 90_000
    page = alice_browser.get("/account/keys/", headers={"Accept-Language": "en"}).content.decode()
    assert "Tokens per minute</dt><dd>90000</dd>" in page
