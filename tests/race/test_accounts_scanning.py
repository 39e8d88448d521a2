"""Fifty at once: one confirmation is one session, one code has one scanner, one answer is about one browser."""

from collections.abc import Callable
from functools import partial

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from apps.accounts import services
from apps.accounts.models import LoginAttempt, MemberSession, User
from apps.kernel import clock
from apps.kernel.models import OutboxEvent
from tests.cast import Phone
from tests.integration.accounts.test_sign_in import ATTEMPTS, start
from tests.integration.accounts.wechat_server import WeChat, wechat
from tests.race.concurrency import run_concurrently, run_together

__all__ = ["wechat"]
pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def scan(wechat: WeChat, scene: str, phone: Phone) -> str:
    return phone.scan(scene=scene, ticket=wechat.tickets[scene])


def test_fifty_polls_at_once_collect_one_session(wechat: WeChat) -> None:
    phone, browser = Phone(), Client()
    attempt = start(browser)
    scan(wechat, wechat.scene, phone)
    phone.text("1")

    def poll() -> tuple[str, bool]:
        tab = Client()
        tab.cookies["login_attempt"] = browser.cookies["login_attempt"].value
        state = tab.get(f"{ATTEMPTS}/{attempt['id']}").json()["state"]
        return state, "sessionid" in tab.cookies

    outcomes = run_concurrently(poll, workers=50)

    assert outcomes.errors == []
    assert {state for state, _ in outcomes.results} == {"confirmed"}
    assert sum(has_session for _, has_session in outcomes.results) == 1
    assert Session.objects.count() == MemberSession.objects.count() == 1


def test_fifty_confirmations_at_once_make_one_member_and_one_session(wechat: WeChat) -> None:
    phone, browser = Phone(), Client()
    attempt = start(browser)
    scan(wechat, wechat.scene, phone)

    outcomes = run_together([partial(Phone().text, "1") for _ in range(50)])

    assert outcomes.errors == []
    assert User.objects.count() == OutboxEvent.objects.filter(topic="accounts.user_registered").count() == 1
    assert browser.get(f"{ATTEMPTS}/{attempt['id']}").json()["state"] == "confirmed"
    assert Session.objects.count() == 1


def test_yes_and_no_at_once_are_one_answer(wechat: WeChat) -> None:
    for _ in range(5):
        phone, browser = Phone(), Client()
        attempt = start(browser)
        scan(wechat, wechat.scene, phone)
        outcomes = run_together([partial(Phone().text, word) for word in ("1", "0") * 5])
        assert outcomes.errors == []
        row = LoginAttempt.objects.get(pk=attempt["id"])
        assert row.state in ("confirmed", "refused")
        assert (row.user is None) == (row.state == "refused")


def test_one_code_under_fifty_phones_belongs_to_one(wechat: WeChat) -> None:
    browser = Client(HTTP_USER_AGENT="Firefox Linux")
    start(browser)
    phones = [Phone(f"oPhone{number}") for number in range(50)]

    outcomes = run_together([partial(scan, wechat, wechat.scene, phone) for phone in phones])

    assert outcomes.errors == []
    asked = [reply for reply in outcomes.results if "Firefox" in reply]
    assert len(asked) == 1
    assert all("别人" in reply for reply in outcomes.results if reply not in asked)
    run_together([partial(phone.text, "1") for phone in phones])
    assert User.objects.count() == 1


def test_one_phone_over_ten_codes_is_asked_about_one(wechat: WeChat) -> None:
    for _ in range(10):
        start(Client(HTTP_USER_AGENT="Firefox Linux"))

    outcomes = run_together([partial(scan, wechat, scene, Phone()) for scene in wechat.tickets])

    assert outcomes.errors == []
    assert all("Firefox" in reply for reply in outcomes.results)
    states = list(LoginAttempt.objects.values_list("state", flat=True))
    assert (states.count("scanned"), states.count("refused")) == (1, 9)


def test_a_code_typed_in_while_the_phone_says_yes_signs_in_once(wechat: WeChat) -> None:
    for _ in range(5):
        phone, browser = Phone(), Client()
        attempt = start(browser)
        code = phone.login_code()
        scan(wechat, wechat.scene, phone)

        def type_code(secret: str = browser.cookies["login_attempt"].value, typed: str = code) -> object:
            return services.sign_in_with_code(
                attempt_id=attempt["id"],  # noqa: B023  # called within this turn
                browser_secret=secret,
                code=typed,
                address="203.0.113.1",
                now=clock.now(),
            )

        ways: list[Callable[[], object]] = [type_code, partial(Phone().text, "1")]
        run_together(ways)
        assert LoginAttempt.objects.get(pk=attempt["id"]).state == "confirmed"
        assert User.objects.count() == 1
