"""Limits of one key: requests a minute, answers at once; enforced before anything is paid, told as OpenAI does."""

from typing import Any

import pytest
from django.test import Client, RequestFactory

from apps.accounts import services as accounts
from apps.accounts.contracts import ListKind, ListScope, Member
from apps.accounts.errors import ApiKeyNotPossible, ModelNotAllowed
from apps.chat import errors, services
from apps.chat.api.compatible import telling
from apps.chat.api.compatible.answers import ChatChoices
from apps.chat.models import Generation
from apps.chat.rules.completions import read_completion
from apps.kernel import clock, visitors
from tests.integration.chat.test_v1_completions import paid
from tests.integration.chat.test_v1_models import error_of, key_of

pytestmark = pytest.mark.django_db

GOOD = {"model": "base", "messages": [{"role": "user", "content": "hello"}]}


def ask(key: str, **more: Any) -> Any:
    """Begin an answer, as a request does before its first byte."""
    headers = {"Authorization": f"Bearer {key}"}
    body = {**GOOD, **more}
    asked = RequestFactory().post("/v1/chat/completions", body, content_type="application/json", headers=headers)
    visitors.decide(asked, proxies=())
    return telling.begin(asked, read=read_completion, shaping=ChatChoices)


def test_a_key_asks_as_often_as_it_may(rich_alice: Member, model: str) -> None:
    key, other = key_of(rich_alice, requests_per_minute=2), key_of(rich_alice)

    rates = [ask(key).rate for _ in range(2)]

    assert [(rate.limit, rate.remaining) for rate in rates] == [(2, 1), (2, 0)]
    assert {rate.reset_seconds for rate in rates} <= {59, 60}
    with pytest.raises(errors.KeyAskedTooOften) as refusal:
        ask(key)
    assert refusal.value.context["limit"] == 2
    assert (Generation.objects.count(), paid(rich_alice)) == (2, 2000)
    # Another key of the same member has its own count, and the member's.
    assert ask(other).rate.limit == 60


def test_a_white_list_spares_the_member_and_not_the_key(rich_alice: Member, olga: Member, model: str) -> None:
    key = key_of(rich_alice, requests_per_minute=1)
    accounts.list_member(
        user_id=rich_alice.id,
        kind=ListKind.WHITE,
        scope=ListScope.CHAT,
        reason="test",
        actor=f"staff:{olga.id}",
        expires_at=None,
        now=clock.now(),
    )

    ask(key)

    with pytest.raises(errors.KeyAskedTooOften):
        ask(key)


def test_what_is_refused_counts_for_nothing(rich_alice: Member, model: str) -> None:
    key = key_of(rich_alice, requests_per_minute=1, allowed_models=("other",))
    for _ in range(3):
        with pytest.raises(ModelNotAllowed):
            ask(key)


def test_a_key_has_as_many_answers_at_once_as_it_may(rich_alice: Member, model: str) -> None:
    key = key_of(rich_alice, max_parallel=1)
    first = ask(key)

    with pytest.raises(errors.TooManyRunning) as refusal:
        ask(key)

    assert refusal.value.context["limit"] == 1
    assert (Generation.objects.count(), paid(rich_alice)) == (1, 1000)
    ask(key_of(rich_alice))
    services.stop_generation(user_id=rich_alice.id, generation_id=first.generations[0].id, now=clock.now())
    ask(key)


@pytest.mark.django_db(transaction=True)
def test_too_often_is_said_with_the_headers_of_openai(rich_alice: Member, model: str) -> None:
    key = key_of(rich_alice, requests_per_minute=1)
    ask(key)

    response = Client().post(
        "/v1/chat/completions", GOOD, content_type="application/json", headers={"Authorization": f"Bearer {key}"}
    )

    error = error_of(response)
    assert (response.status_code, error["type"], error["code"]) == (429, "rate_limit_error", "rate_limit_exceeded")
    assert 1 <= int(response["Retry-After"]) <= 60
    assert response["x-ratelimit-limit-requests"] == "1"
    assert response["x-ratelimit-remaining-requests"] == "0"
    assert response["x-ratelimit-reset-requests"] == f"{response['Retry-After']}s"
    assert "x-should-retry" not in response


@pytest.mark.parametrize("limits", [{"requests_per_minute": 0}, {"requests_per_minute": 10_001}, {"max_parallel": -1}])
def test_a_limit_that_is_none_is_refused(limits: dict[str, int], alice: Member, alice_browser: Client) -> None:
    with pytest.raises(ApiKeyNotPossible):
        key_of(alice, **limits)

    body = {"name": "x", "scopes": ["chat"], **limits}
    assert alice_browser.post("/api/v1/api-keys", body, content_type="application/json").status_code == 400
    assert accounts.api_keys_of(user_id=alice.id) == []


def test_a_browser_makes_a_key_with_limits_and_sees_them(alice_browser: Client, alice: Member) -> None:
    body = {"name": "x", "scopes": ["chat"], "requests_per_minute": 7, "max_parallel": 3}

    made = alice_browser.post("/api/v1/api-keys", body, content_type="application/json").json()

    assert (made["requests_per_minute"], made["max_parallel"]) == (7, 3)
    page = alice_browser.get("/account/keys/", headers={"Accept-Language": "en"}).content.decode()
    assert "Requests per minute</dt><dd>7</dd>" in page
    assert "Answers at once</dt><dd>3</dd>" in page
