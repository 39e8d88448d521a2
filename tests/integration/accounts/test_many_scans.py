"""Several phones and browsers at the same time: an answer is about the one browser whose code its phone has scanned."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import LoginAttempt
from tests.cast import Phone
from tests.integration.accounts.test_qr_sign_in import is_signed_in, scan, scanned, state_of
from tests.integration.accounts.test_sign_in import start
from tests.integration.accounts.wechat_server import WeChat, wechat

__all__ = ["wechat"]
pytestmark = pytest.mark.django_db

Waiting = tuple[Client, dict[str, Any]]


@pytest.fixture
def crowd(wechat: WeChat, phone: Phone) -> tuple[Waiting, Waiting, Waiting]:
    """A browser that waits for its scan, one that another phone has scanned, and one that this phone has."""
    browser = Client()
    unscanned = (browser, start(browser))
    theirs = scanned(Phone("oSomebodyElse"), wechat)
    mine = scanned(phone, wechat)
    while mine[1]["confirm_number"] == theirs[1]["confirm_number"]:
        mine = scanned(phone, wechat)
    return unscanned, theirs, mine


def states(crowd: tuple[Waiting, ...]) -> list[str]:
    return [state_of(*each) for each in crowd]


def test_each_scan_is_one_phones_and_about_one_browser(
    wechat: WeChat, phone: Phone, crowd: tuple[Waiting, Waiting, Waiting]
) -> None:
    assert states(crowd) == ["waiting", "scanned", "scanned"]

    unscanned = next(iter(wechat.tickets))
    scan(Phone("oThird"), wechat, unscanned)

    assert states(crowd) == ["scanned", "scanned", "scanned"]


def test_the_number_of_another_browser_is_a_wrong_one_and_nobody_elses_try(
    phone: Phone, crowd: tuple[Waiting, Waiting, Waiting]
) -> None:
    _, (_, theirs), (_, mine) = crowd

    Phone("oSomebodyElse").text(mine["confirm_number"])

    assert states(crowd) == ["waiting", "scanned", "scanned"]
    tries = {str(pk): tries for pk, tries in LoginAttempt.objects.values_list("pk", "tries") if tries}
    assert tries == {theirs["id"]: 1}


def test_a_yes_and_a_no_are_about_ones_own_browser(phone: Phone, crowd: tuple[Waiting, Waiting, Waiting]) -> None:
    phone.text("0")
    assert states(crowd) == ["waiting", "scanned", "refused"]

    Phone("oSomebodyElse").confirm()

    assert states(crowd) == ["waiting", "confirmed", "refused"]


def test_a_phone_lets_one_browser_in_after_another(wechat: WeChat, phone: Phone) -> None:
    browsers = []
    for _ in range(2):
        browsers.append(scanned(phone, wechat))
        phone.confirm()

    assert states(tuple(browsers)) == ["confirmed", "confirmed"]
    assert [is_signed_in(browser) for browser, _ in browsers] == [True, True]
