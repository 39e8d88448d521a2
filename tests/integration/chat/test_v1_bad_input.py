"""What programs send to /v1/chat/completions and should not: refused by OpenAI's shapes, nothing paid, nothing kept."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.api.compatible import telling
from apps.chat.api.compatible.answers import ChatChoices
from apps.chat.contracts import ListedWords, WordAction
from apps.chat.models import Generation
from apps.chat.rules.completions import read_completion
from apps.kernel import clock, switches, visitors
from tests.integration.chat.test_api import statements
from tests.integration.chat.test_v1_models import error_of, key_of

pytestmark = pytest.mark.django_db(transaction=True)

HELLO = [{"role": "user", "content": "hello"}]
GOOD = {"model": "base", "messages": HELLO}


NO_JSON = "请求体不是有效的 JSON。"


def post(body: bytes, key: str) -> Any:
    """Send these bytes as a program would."""
    headers = {"Authorization": f"Bearer {key}"}
    return Client().post("/v1/chat/completions", body, content_type="application/json", headers=headers)


def assert_nothing_happened(member: Member) -> None:
    """Nothing was paid, set aside or kept."""
    quota = services.quota_of(user_id=member.id, now=clock.now())
    assert (quota.balance_milli, quota.held_milli) == (5000, 0)
    assert not Generation.objects.exists()
    (key,) = accounts.api_keys_of(user_id=member.id)
    assert key.spent_milli == 0


def with_message(**message: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "hello", **message}]}


@pytest.mark.parametrize(
    ("said", "param", "code"),
    [
        ({"n": 100}, "n", "invalid_value"),
        ({"max_tokens": -1}, "max_tokens", "invalid_value"),
        ({"max_tokens": 10**30}, "max_tokens", "invalid_value"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools", "unsupported_parameter"),
        (with_message(role="tool", tool_call_id="c1"), "messages.0", "invalid_value"),
        ({"max_token": 5}, "max_token", "unknown_parameter"),
        (with_message(content=[{"type": "image_url"}]), "messages.0.content.0.image_url", "invalid_value"),
        (with_message(content=" "), "messages", "invalid_value"),
        (with_message(content="a\u0000b"), "messages.0", "invalid_value"),
        (with_message(content="x" * 50_000), "messages", "context_length_exceeded"),
        (with_message(content=[{"type": "text", "text": "x"}] * 21), "messages.0.parts", "invalid_value"),
    ],
)
def test_a_value_that_is_not_right_is_named(
    said: dict[str, Any], param: str, code: str, rich_alice: Member, model: str
) -> None:
    response = post(json.dumps({**GOOD, **said}).encode(), key_of(rich_alice))

    error = error_of(response)
    assert (response.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error["param"], error["code"]) == (param, code)
    assert_nothing_happened(rich_alice)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"hello"',
        b"{",
        b'{"model": "base", "messages": [{"role": "user", "content": "\xff\xfe"}]}',
        b'{"model": "base", "messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"model": "base", "temperature": NaN}',
        b'{"max_tokens": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"tools": ' + b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b"}",
        b"model=base&messages=hello",
        "{}".encode("utf-16"),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes, rich_alice: Member, model: str) -> None:
    response = post(body, key_of(rich_alice))

    error = error_of(response)
    assert (response.status_code, error["type"], error["code"]) == (400, "invalid_request_error", "invalid_value")
    assert_nothing_happened(rich_alice)


def test_a_body_that_is_no_json_is_said_to_be_none(rich_alice: Member, model: str) -> None:
    for body in (b"{", b"model=base", b""):
        error = error_of(post(body, key_of(rich_alice)))
        assert (error["code"], error["param"], error["message"]) == ("invalid_value", None, NO_JSON)
    # What can be read, and is of the wrong kind.
    assert error_of(post(b"[]", key_of(rich_alice)))["message"] != NO_JSON


@pytest.mark.parametrize("named", ["no\u0000ne", "x" * 65, "", "\n"])
def test_a_model_of_no_name_does_not_exist(named: str, rich_alice: Member, model: str) -> None:
    response = post(json.dumps({**GOOD, "model": named}).encode(), key_of(rich_alice))

    assert (response.status_code, error_of(response)["code"]) == (404, "model_not_found")
    assert_nothing_happened(rich_alice)


def test_a_stranger_is_refused_before_the_body_is_read(rich_alice: Member, model: str) -> None:
    response = post(b"[" * 100_000, "sk-wrong")

    assert (response.status_code, error_of(response)["code"]) == (401, "invalid_api_key")


def test_a_get_is_refused(rich_alice: Member, visitor: Client) -> None:
    response = visitor.get("/v1/chat/completions", headers={"Authorization": f"Bearer {key_of(rich_alice)}"})

    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")


def test_words_that_are_refused_are_a_violation_of_the_policy(rich_alice: Member, model: str) -> None:
    services.save_word_list(
        code="bad",
        name="Bad",
        action=WordAction.REJECT,
        listed=ListedWords(words=("badword",)),
        actor="staff:1",
        reason="test",
        now=clock.now(),
    )

    response = post(json.dumps({**GOOD, **with_message(content="a badword")}).encode(), key_of(rich_alice))

    assert (response.status_code, error_of(response)["code"]) == (400, "content_policy_violation")
    assert_nothing_happened(rich_alice)


def test_a_question_takes_at_most_eleven_statements(rich_alice: Member, model: str) -> None:
    """All that happens before the first byte; with a key that has a cap and was used lately."""
    key = key_of(rich_alice, spend_cap_milli=100_000)
    post(b"", key)
    switches.flip(name="chat.enabled", is_on=True, actor="staff:x", reason="test", now=clock.now())
    headers = {"Authorization": f"Bearer {key}"}
    asked = RequestFactory().post("/v1/chat/completions", GOOD, content_type="application/json", headers=headers)
    visitors.decide(asked, proxies=())

    with CaptureQueriesContext(connection) as queries:
        telling.begin(asked, read=read_completion, shaping=ChatChoices)

    assert Generation.objects.count() == 1
    assert len(statements(queries)) <= 11, "\n".join(statements(queries))
