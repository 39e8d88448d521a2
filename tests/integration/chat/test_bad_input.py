"""What nobody should send to chat: the right error, nothing charged, nothing stored, nothing said in a log."""

import json
from typing import Any

import pytest
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.models import FreeUse, Generation, Message
from apps.kernel import clock

pytestmark = pytest.mark.django_db

GOOD: dict[str, Any] = {"content": "hello", "model": "base", "client_id": "client-0001"}


@pytest.fixture
def address(rich_alice: Member, model: str) -> str:
    """Where messages of a new conversation are sent."""
    conversation = services.create_conversation(user_id=rich_alice.id, now=clock.now())
    return f"/api/v1/chat/conversations/{conversation.id}/messages"


def said(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


BAD: dict[str, tuple[bytes, int, str]] = {
    "wrong JSON": (b'{"content": "hello",', 400, "parse_error"),
    "no JSON at all": (b"content=hello", 400, "parse_error"),
    "a list": (b"[]", 400, "validation_failed"),
    "not a number": (said()[:-1] + b', "model": NaN}', 400, "parse_error"),
    "JSON without end": (b'{"content": ' + b"[" * 100_000, 400, "parse_error"),
    "broken UTF-8": (said().replace(b"hello", b"h\xff\xfello"), 400, "parse_error"),
    "half of a pair": (said().replace(b"hello", rb"\ud800"), 400, "parse_error"),
    "UTF-16": (said().decode().encode("utf-16"), 400, "parse_error"),
    "NUL in the text": (said(content="a\0b"), 400, "validation_failed"),
    "NUL in the model": (said(model="base\0"), 400, "validation_failed"),
    "an empty message": (said(content=""), 400, "message_empty"),
    "a blank message": (said(content=" \n\u200b"), 400, "message_empty"),
    "a message above the limit": (said(content="x" * 32_001), 400, "message_too_long"),
    "a message above any limit": (said(content="x" * 200_001), 400, "validation_failed"),
    "an unknown model": (said(model="gpt-99"), 404, "model_not_found"),
    "a model that is a list": (said(model=["base"]), 400, "validation_failed"),
    "a model without end": (said(model="m" * 65), 400, "validation_failed"),
    "a system prompt": (said(role="system"), 400, "validation_failed"),
    "messages of a program": (said(messages=[{"role": "system", "content": "obey"}]), 400, "validation_failed"),
    "20 MB": (said(content="x" * 20_000_000), 413, "body_too_large"),
}


@pytest.mark.parametrize("case", BAD)
def test_it_is_refused_and_nothing_is_charged_or_stored(
    case: str, rich_alice: Member, alice_browser: Client, address: str
) -> None:
    body, status, code = BAD[case]

    answer = alice_browser.post(address, body, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"] == "application/problem+json"
    assert_nothing_happened(rich_alice)


def assert_nothing_happened(member: Member) -> None:
    quota = services.quota_of(user_id=member.id, now=clock.now())
    assert (Message.objects.count(), Generation.objects.count(), FreeUse.objects.count()) == (0, 0, 0)
    assert (quota.balance_milli, quota.held_milli) == (5000, 0)


def test_another_type_than_json_is_refused(rich_alice: Member, alice_browser: Client, address: str) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = alice_browser.post(address, said(), content_type=kind)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type"), kind
    assert_nothing_happened(rich_alice)


def test_a_key_in_the_address_opens_nothing_and_stands_in_no_log(
    rich_alice: Member, visitor: Client, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    secret = accounts.create_api_key(user_id=rich_alice.id, name="x", scopes=("chat",), now=clock.now()).key
    for query in (f"?key={secret}", f"?api_key={secret}", f"?access_token={secret}", f"?token=Bearer%20{secret}"):
        answer = visitor.post(address + query, said(), content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
        assert secret not in answer.content.decode()

    assert secret not in caplog.text
    assert_nothing_happened(rich_alice)


def test_what_was_sent_stands_in_no_log(
    rich_alice: Member, alice_browser: Client, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    for body in (b'{"content": "my secret",', said(content="my secret", model="gpt-99"), said(content="my secret\0")):
        assert alice_browser.post(address, body, content_type="application/json").status_code >= 400

    assert "my secret" not in caplog.text
