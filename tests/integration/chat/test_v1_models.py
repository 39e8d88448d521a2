"""OpenAI's API: the models of a key, and one shape for whatever goes wrong, as its clients expect it."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from django.conf import settings
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.kernel import clock
from tests.integration.chat.conftest import make_model

pytestmark = pytest.mark.django_db


def key_of(member: Member, **limits: Any) -> str:
    """A key of this member."""
    values = {"name": "script", "scopes": ("chat",), **limits}
    return accounts.create_api_key(user_id=member.id, now=clock.now(), **values).key


def bearer(key: str) -> dict[str, str]:
    """The header of a key."""
    return {"Authorization": f"Bearer {key}"}


def error_of(response: Any) -> dict[str, Any]:
    """The error of an answer that is one, in its envelope and with what every answer has."""
    assert response["Content-Type"] == "application/json"
    assert response["x-request-id"].startswith("req_")
    assert response["Access-Control-Allow-Origin"] == "*"
    document = response.json()
    assert list(document) == ["error"]
    error: dict[str, Any] = document["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    return error


def test_a_key_sees_the_models_that_it_may_ask(alice: Member, visitor: Client) -> None:
    make_model("base")
    make_model("deep", needs_entitlement=True)
    make_model("vendor/wide")
    make_model("off", is_enabled=False)

    response = visitor.get("/v1/models", headers=bearer(key_of(alice)))

    told = response.json()
    assert (response.status_code, told["object"]) == (200, "list")
    assert [model["id"] for model in told["data"]] == ["base", "vendor/wide"]
    assert {(model["object"], model["owned_by"]) for model in told["data"]} == {("model", "chatloop")}
    assert abs(told["data"][0]["created"] - clock.now().timestamp()) < 60
    assert response["x-request-id"].startswith("req_")
    assert int(response["openai-processing-ms"]) >= 0
    one = visitor.get("/v1/models/vendor/wide", headers=bearer(key_of(alice)))
    assert one.json() == told["data"][1]


@pytest.mark.parametrize("model", ["none", "deep", "off", "wide", "no%00ne"])
def test_a_model_that_a_key_may_not_ask_does_not_exist_for_it(model: str, alice: Member, visitor: Client) -> None:
    make_model("base")
    make_model("deep", needs_entitlement=True)
    make_model("wide")
    make_model("off", is_enabled=False)
    key = key_of(alice, allowed_models=("base", "deep"))

    response = visitor.get(f"/v1/models/{model}", headers=bearer(key))

    error = error_of(response)
    assert (response.status_code, error["type"], error["code"]) == (404, "invalid_request_error", "model_not_found")
    assert error["param"] == "model"
    assert [each["id"] for each in visitor.get("/v1/models", headers=bearer(key)).json()["data"]] == ["base"]


def test_without_a_good_key_nothing_is_told(alice: Member, alice_browser: Client, visitor: Client) -> None:
    """Neither is a session one: pages of other origins may ask here."""
    revoked = accounts.create_api_key(user_id=alice.id, name="old", scopes=("chat",), now=clock.now())
    accounts.revoke_api_key(user_id=alice.id, key_id=revoked.detail.id, now=clock.now())

    for response in (
        visitor.get("/v1/models"),
        alice_browser.get("/v1/models"),
        visitor.get("/v1/models", headers=bearer("sk-wrong")),
        visitor.get("/v1/models", headers=bearer(revoked.key)),
        visitor.get("/v1/models", headers={"Authorization": f"Basic {revoked.key}"}),
    ):
        error = error_of(response)
        assert (response.status_code, error["type"]) == (401, "invalid_request_error")
        assert error["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"scopes": ("account",)}, "scope_missing"),
        ({"allowed_networks": ("203.0.113.0/24",)}, "network_not_allowed"),
    ],
)
def test_a_key_that_is_for_something_else_is_refused(
    limits: dict[str, Any], code: str, alice: Member, visitor: Client
) -> None:
    response = visitor.get("/v1/models", headers=bearer(key_of(alice, **limits)))

    error = error_of(response)
    assert (response.status_code, error["type"], error["code"]) == (403, "permission_error", code)


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/engines", "/v1/models/", "/v1/chat", "/v1/x.html", "/v1/%00"])
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_what_is_not_there_says_so_in_the_same_envelope(path: str, method: str, visitor: Client) -> None:
    response = getattr(visitor, method)(path, headers={"Accept": "text/html"})

    error = error_of(response)
    assert (response.status_code, error["type"], error["code"]) == (404, "invalid_request_error", "unknown_url")


def test_an_address_that_is_longer_than_the_last_letter_is_a_page(visitor: Client) -> None:
    assert visitor.get("/v1x")["Content-Type"].startswith("text/html")


def test_another_method_is_refused_and_the_right_ones_are_named(alice: Member, visitor: Client) -> None:
    response = visitor.post("/v1/models", headers=bearer(key_of(alice)))

    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert error_of(response)["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/v1/models", "/v1/nowhere"])
def test_a_page_of_another_origin_may_ask(path: str, visitor: Client) -> None:
    response = visitor.options(
        path,
        headers={
            "Origin": "https://client.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os",
        },
    )

    assert response.status_code == 204
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Access-Control-Allow-Headers"] == "authorization,content-type,x-stainless-os"
    assert "Access-Control-Allow-Credentials" not in response


def test_a_host_that_is_not_ours_is_refused_in_the_envelope(visitor: Client) -> None:
    assert error_of(visitor.get("/v1/models", headers={"Host": "evil.example"}))["type"] == "invalid_request_error"


@pytest.mark.django_db(transaction=True)
def test_a_body_that_is_too_large_is_refused_in_the_envelope(site: str) -> None:
    body = b"x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)

    response = httpx2.post(f"{site}/v1/chat/completions", content=body, trust_env=False)

    assert response.status_code == 413
    assert response.json()["error"]["code"] == "body_too_large"
    assert response.headers["x-request-id"].startswith("req_")


def test_who_sends_all_of_a_giant_before_it_reads_is_told_why(site: str) -> None:
    """Ten megabytes do not fit into any socket's buffer: whoever hung up on them would be taken for broken."""
    address = urlsplit(site)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)

    connection.request("POST", "/v1/chat/completions", b"x" * 10_000_000)

    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["error"]["code"]) == (413, "body_too_large")
    connection.close()
