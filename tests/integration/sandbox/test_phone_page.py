"""The phone page: what it is made of, what it fetches, and whom it answers."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from apps.kernel import clock
from apps.sandbox import tasks
from apps.sandbox.models import Notification, NotificationState
from apps.sandbox.rules.faults import Area
from config import scheduler
from tests.integration.sandbox.conftest import Merchant, Site

SCRIPTS = "".join(path.read_text() for path in sorted((Path(settings.ROOT) / "static/js/sandbox").glob("*.js")))


@pytest.mark.django_db
def test_the_page_has_everything_that_its_scripts_reach_for() -> None:
    page = Client().get("/sandbox/").content.decode()

    for name in re.findall(r'byId\("([a-z-]+)"\)', SCRIPTS):
        assert f'id="{name}"' in page, name
    for key in re.findall(r'"(sandbox-[a-z-]+)"', SCRIPTS):
        assert f'data-text="{key}"' in page, key
    for name in re.findall(r'data-screen="([a-z]+)"', page):
        assert f'id="screen-{name}"' in page, name
    for area in Area:
        assert f'data-area="{area}"' in page, area


@pytest.mark.django_db
@pytest.mark.parametrize(("language", "words"), [("zh-hans", "一部用来试的手机"), ("en", "A phone to try things with")])
def test_the_page_speaks_both_languages(language: str, words: str) -> None:
    assert words in Client().get("/sandbox/", headers={"Accept-Language": language}).content.decode()


def test_the_page_is_not_shown_to_other_machines(db: None) -> None:
    answer = Client(REMOTE_ADDR="10.0.0.7").get("/sandbox/")

    assert answer.status_code == 403


def test_a_new_phone_is_listed_and_shows_what_can_be_scanned(merchant: Merchant, press: Callable[..., Any]) -> None:
    browser = Client()
    made = browser.post("/sandbox/phone/", {"nickname": "小林"}, content_type="application/json").json()
    code_url = merchant.place(merchant.order())

    assert re.fullmatch(r"oDemo[A-Za-z0-9_-]{23}", made["openid"])
    assert browser.get("/sandbox/phone/").json() == [made]
    screen = browser.get(f"/sandbox/phone/{made['openid']}").json()
    assert screen["phone"] == {"openid": made["openid"], "nickname": "小林", "is_following": False}
    assert [(each["content"], each["amount_fen"]) for each in screen["payments"]] == [(code_url, 990)]

    press(made["openid"], "pay", content=code_url)
    screen = browser.get(f"/sandbox/phone/{made['openid']}").json()
    assert screen["payments"] == []
    assert "9.90" in screen["lines"][-1]["text"]
    assert screen["lines"][-1]["direction"] == "service"


def test_the_worker_sends_what_is_due(merchant: Merchant, press: Callable[..., Any], site_heard: Site) -> None:
    press("oDemoMember1", "pay", content=merchant.place(merchant.order()), notify="delayed")
    Notification.objects.update(due_at=clock.now() - timedelta(seconds=1))

    tasks.send_due_notifications()
    tasks.send_due_notifications()

    assert len(site_heard.heard) == 1
    assert Notification.objects.get().state == NotificationState.DELIVERED


def test_beat_knows_the_worker_s_task() -> None:
    names = {entry["task"] for entry in scheduler.app.conf.beat_schedule.values()}

    assert "apps.sandbox.tasks.send_due_notifications" in names
