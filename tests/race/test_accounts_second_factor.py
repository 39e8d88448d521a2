"""Real threads against PostgreSQL: a code of the second factor, seen by two, is used by one."""

from datetime import timedelta

import pyotp
import pytest

from apps.accounts import services
from apps.accounts.contracts import Member
from apps.accounts.errors import SecondFactorWrong
from apps.kernel import clock
from apps.kernel.errors import RateLimited
from tests.race.concurrency import run_concurrently

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

WORKERS = 20


@pytest.mark.parametrize("kind", ["app", "backup"])
def test_a_code_is_used_once_by_twenty_who_try_it_together(olga: Member, kind: str) -> None:
    now = clock.now()
    before = now - timedelta(seconds=60)
    otp = pyotp.TOTP(services.begin_enrolment(user_id=olga.id, now=before).secret)
    backup = services.finish_enrolment(user_id=olga.id, code=otp.at(before), now=before)
    code = otp.at(now) if kind == "app" else backup[0]

    outcomes = run_concurrently(
        lambda: services.check_second_factor(user_id=olga.id, code=code, now=now), workers=WORKERS
    )

    assert len(outcomes.results) == 1
    assert {type(error) for error in outcomes.errors} <= {SecondFactorWrong, RateLimited}
