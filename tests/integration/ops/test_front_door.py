"""What no view answers, and what every answer carries: hostile bodies, unknown addresses, headers."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from apps.accounts.contracts import Member
from config.body_limit import BodyLimit, Message, Receive, Send

pytestmark = pytest.mark.django_db

CONVERSATIONS = "/api/v1/chat/conversations"
MEMBERS = {"type", "title", "status", "code", "detail", "context", "errors"}


def post(
    browser: Client, body: str | bytes, *, path: str = CONVERSATIONS, content_type: str = "application/json"
) -> Any:
    return browser.post(path, body, content_type=content_type, headers={"Idempotency-Key": "a-key-of-mine"})


@pytest.mark.parametrize("path", ["/api/", "/api/v1/nothing", "/api/v1/me/", "/pay/nothing", "/api/v1/orders/1"])
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_address_of_the_api_is_a_problem_document(visitor: Client, method: str, path: str) -> None:
    answer = getattr(visitor, method)(path)

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert set(answer.json()) == MEMBERS
    assert answer.json()["code"] == "not_found"


def test_an_unknown_page_is_a_page(visitor: Client) -> None:
    answer = visitor.get("/nothing")

    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_a_foreign_host_is_refused_in_the_shape_of_the_address(visitor: Client) -> None:
    answer = visitor.get("/api/v1/me", headers={"host": "evil.example"})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert visitor.get("/", headers={"host": "evil.example"}).status_code == 400


def test_a_fault_of_ours_is_a_problem_document_without_details(
    visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr("apps.orders.selectors.products_on_sale", broken)
    visitor.raise_request_exception = False

    with translation.override("en"):
        answer = visitor.get("/api/v1/products")

    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert answer.json()["code"] == "internal_error"
    assert "secret" not in answer.content.decode()


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000 + "]" * 100_000,
        '{"title": ' * 50_000 + "1" + "}" * 50_000,
        b'{"title": "\xff"}',
        '{"title": "\\ud800"}',
        '{"\\udfff": 1}',
        '{"title": ' + "9" * 5_000 + "}",
        '{"title": NaN}',
        '{"title": "x"}'.encode("utf-16"),
        "{",
    ],
    ids=[
        "deep list",
        "deep object",
        "not UTF-8",
        "half a pair",
        "half a pair as name",
        "digits",
        "NaN",
        "UTF-16",
        "cut",
    ],
)
@pytest.mark.parametrize("path", [CONVERSATIONS, "/api/v1/sign-in"])
def test_a_body_that_is_not_decent_json_is_refused(alice_browser: Client, path: str, body: str | bytes) -> None:
    answer = post(alice_browser, body, path=path)

    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_body_that_is_no_json_at_all_is_refused(alice_browser: Client, content_type: str) -> None:
    answer = post(alice_browser, '{"title": "x"}', content_type=content_type)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body", ["[]", "null", '"x"', "1", '{"title": null}', '{"title": "a\\u0000b"}', '{"titel": "x"}']
)
def test_json_of_another_shape_is_refused(alice_browser: Client, body: str) -> None:
    answer = post(alice_browser, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")


def test_a_form_of_another_site_cannot_act_for_a_member(alice: Member, alice_browser: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = alice_browser.cookies

    for path in (CONVERSATIONS, "/api/v1/sign-in", "/api/v1/orders", "/api/v1/auth/logout", "/api/v1/exchange/orders"):
        answer = post(strict, "{}", path=path)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed"), path
    assert strict.get("/api/v1/me").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/login/",
        "/shop/",
        "/chat/",
        "/orders/",
        "/welfare/",
        "/account/",
        "/nothing",
        "/admin/",
        "/api/docs/",
        "/api/v1/me",
        "/api/v1/nothing",
        "/healthz",
    ],
)
def test_every_answer_is_private_and_strict(alice_browser: Client, path: str) -> None:
    answer = alice_browser.get(path)

    assert "no-store" in answer["Cache-Control"]
    assert "private" in answer["Cache-Control"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["X-Frame-Options"] == "DENY"
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "path", ["/", "/login/", "/account/", "/account/keys/", "/shop/", "/chat/", "/orders/", "/welfare/"]
)
def test_a_page_answers_head_as_get(alice_browser: Client, path: str) -> None:
    get, head = alice_browser.get(path), alice_browser.head(path)

    assert (head.status_code, head["Content-Type"]) == (get.status_code, get["Content-Type"])


def test_sign_in_leads_to_no_other_site(visitor: Client, alice_browser: Client) -> None:
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "///evil"):
        assert alice_browser.get("/login/", {"next": target})["Location"] == "/chat/"
        assert visitor.post("/i18n/setlang/", {"language": "en", "next": target})["Location"] == "/"


# -- the limit in front of Django ---------------------------------------------------------------------


async def _echo(scope: Message, receive: Receive, send: Send) -> None:
    """Reads the whole body, as Django does, then answers 200."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _served(chunks: list[bytes], *, declared: int | None = None) -> tuple[int, int]:
    """The status of one request with this body, limited to 10 bytes, and how many chunks were read until then."""
    read_before: list[int] = []
    sent: list[Message] = []
    left = list(chunks)

    async def receive() -> Message:
        chunk = left.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(left)}

    async def send(message: Message) -> None:
        read_before.append(len(chunks) - len(left))
        sent.append(message)

    headers = [] if declared is None else [(b"content-length", str(declared).encode())]
    serve: Callable[..., Any] = BodyLimit(_echo, max_bytes=10)
    asyncio.run(serve({"type": "http", "path": "/api/v1/me", "headers": headers}, receive, send))
    if sent[0]["status"] == 413:
        assert set(json.loads(sent[1]["body"])) == MEMBERS
        assert not left, "who sends before it reads would see a broken connection"
    return sent[0]["status"], read_before[0]


def test_a_body_within_the_limit_is_read_whole() -> None:
    assert _served([b"12345", b"67890"], declared=10) == (200, 2)


def test_a_declared_giant_is_refused_before_it_is_read() -> None:
    assert _served([b"12345", b"67890"], declared=11) == (413, 0)


def test_a_giant_that_says_nothing_is_cut_off() -> None:
    assert _served([b"12345", b"67890", b"1", b"2"]) == (413, 3)
