"""Visitors behind a proxy are told apart, and nobody makes themselves another by a header."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import LoginAttempt
from tests.integration.accounts.test_api_keys import make, program, refusal

pytestmark = pytest.mark.django_db


@pytest.fixture
def behind_nginx(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ("10.0.0.5/32", "unix")
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


def network_of_an_attempt(**meta: Any) -> str:
    Client(**meta).post("/api/v1/auth/login-attempts", {}, content_type="application/json")
    return LoginAttempt.objects.latest("created_at").network


def test_a_member_behind_our_proxy_is_seen_where_they_are(behind_nginx: None) -> None:
    assert network_of_an_attempt(REMOTE_ADDR="10.0.0.5", HTTP_X_FORWARDED_FOR="203.0.113.7") == "203.0.113.0/24"
    assert network_of_an_attempt(REMOTE_ADDR="", HTTP_X_FORWARDED_FOR="1.1.1.1, 198.51.100.9") == "198.51.100.0/24"
    assert network_of_an_attempt(REMOTE_ADDR="203.0.113.7", HTTP_X_FORWARDED_FOR="1.1.1.1") == "203.0.113.0/24"


def test_a_key_s_allow_list_matches_behind_our_proxy_and_is_not_fooled(
    behind_nginx: None, alice_browser: Client
) -> None:
    key = make(alice_browser, allowed_networks=["203.0.113.0/24"])["key"]
    allowed = program(key, REMOTE_ADDR="10.0.0.5", HTTP_X_FORWARDED_FOR="203.0.113.7")
    elsewhere = program(key, REMOTE_ADDR="10.0.0.5", HTTP_X_FORWARDED_FOR="203.0.113.7, 198.51.100.9")
    forged = program(key, REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.7")

    assert allowed.get("/api/v1/me").status_code == 200
    assert refusal(elsewhere.get("/api/v1/me")) == (403, "network_not_allowed")
    assert refusal(forged.get("/api/v1/me")) == (403, "network_not_allowed")


@pytest.mark.parametrize(("peer", "status"), [("10.0.0.5", 200), ("127.0.0.1", 301)])
def test_only_our_proxy_says_that_tls_ended_there(behind_nginx: None, settings: Any, peer: str, status: int) -> None:
    settings.SECURE_SSL_REDIRECT = True

    answer = Client(REMOTE_ADDR=peer, HTTP_X_FORWARDED_PROTO="https").get("/")

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("meta", "status"),
    [
        ({"REMOTE_ADDR": "10.0.0.9"}, 200),
        ({"REMOTE_ADDR": "8.8.4.4"}, 403),
        ({"REMOTE_ADDR": ""}, 403),
        ({"REMOTE_ADDR": "nonsense"}, 403),
        ({"REMOTE_ADDR": "8.8.4.4", "HTTP_X_FORWARDED_FOR": "10.0.0.9"}, 403),
        ({"REMOTE_ADDR": "10.0.0.5", "HTTP_X_FORWARDED_FOR": "10.0.0.9"}, 403),
        ({"REMOTE_ADDR": "10.0.0.9", "HTTP_FORWARDED": "for=10.0.0.9"}, 403),
        ({"REMOTE_ADDR": "10.0.0.9", "HTTP_X_REAL_IP": "10.0.0.9"}, 403),
    ],
)
def test_metrics_are_for_a_scraper_inside_without_a_proxy(
    behind_nginx: None, meta: dict[str, Any], status: int
) -> None:
    assert Client(**meta).get("/metrics").status_code == status


def test_the_sandbox_s_phone_is_not_passed_on_by_a_proxy() -> None:
    assert Client(REMOTE_ADDR="127.0.0.1").get("/sandbox/").status_code == 200
    assert Client(REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="127.0.0.1").get("/sandbox/").status_code == 403
