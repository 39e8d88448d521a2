"""What each provider's server says where it has nothing: its own words, for it knows no Django."""

from typing import Any

import pytest
from django.test import Client

ANYTHING = pytest.mark.parametrize("method", ["get", "post", "put", "delete"])


def asked(method: str, path: str) -> Any:
    """The answer to a program, which sends no CSRF token."""
    return getattr(Client(enforce_csrf_checks=True), method)(path)


@ANYTHING
@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/moderations", "/v1/chat/completions/", "/v2/models"])
def test_the_model_server_answers_an_openai_error(method: str, path: str) -> None:
    answer = asked(method, f"/sandbox/llm{path}")

    message = f"Invalid URL ({method.upper()} /sandbox/llm{path})"
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    assert (answer.status_code, answer.json()) == (404, {"error": error})


@ANYTHING
@pytest.mark.parametrize("path", ["", "/", "/v3/certificates", "/v3/pay/transactions/native/", "/v2/pay"])
def test_wechat_pay_answers_a_code_and_a_message(method: str, path: str) -> None:
    answer = asked(method, f"/sandbox/wechatpay{path}")

    assert (answer.status_code, answer.json()) == (
        404,
        {"code": "RESOURCE_NOT_EXISTS", "message": "请求的资源不存在"},
    )


@ANYTHING
@pytest.mark.parametrize("path", ["", "/", "/cgi-bin/menu/create", "/cgi-bin/token/", "/sns/userinfo"])
@pytest.mark.django_db
def test_the_official_account_answers_an_errcode(method: str, path: str) -> None:
    answer = asked(method, f"/sandbox/wechat{path}")

    assert (answer.status_code, answer.json()) == (200, {"errcode": 40066, "errmsg": "invalid url"})


@pytest.mark.parametrize("path", ["/sandbox/llms", "/sandbox/wechatpays", "/sandbox/nothing"])
def test_elsewhere_a_page_says_so(path: str) -> None:
    answer = asked("get", path)

    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/sandbox/phone/a/b", "/sandbox/faults/dup", "/sandbox/account/kind"])
def test_the_workbench_answers_a_problem(path: str) -> None:
    answer = asked("get", path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
