"""The official account's books under threads: a fault strikes as often as told, a code is traded once."""

import pytest
from django.conf import settings

from apps.kernel import clock
from apps.sandbox.errors import AccountRefusal
from apps.sandbox.models import Fault
from apps.sandbox.rules.faults import Area
from apps.sandbox.services import faults, oauth
from tests.integration.sandbox.test_account_types import code_of
from tests.race.concurrency import run_concurrently

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
THREADS = 12


def test_five_times_are_five_times_for_twelve_callers() -> None:
    faults.switch_on(name="busy", times=5, now=clock.now())

    outcomes = run_concurrently(lambda: faults.take(area=Area.ACCOUNT_API), THREADS)

    assert sorted(outcomes.results) == [""] * 7 + ["busy"] * 5
    assert not Fault.objects.exists()


def test_one_code_is_traded_once() -> None:
    code, account = code_of(), settings.WECHAT_OA

    outcomes = run_concurrently(
        lambda: oauth.exchange(app_id=account["APP_ID"], secret=account["APP_SECRET"], code=code, now=clock.now()),
        THREADS,
    )

    assert len(outcomes.results) == 1
    assert {error.errcode for error in outcomes.errors if isinstance(error, AccountRefusal)} == {40163}
    assert len(outcomes.errors) == THREADS - 1
