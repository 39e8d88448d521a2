"""Real threads against PostgreSQL: a code that two see is used by one, and a burst of guesses passes no limit."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pyotp
import pytest
from django.db import connection, transaction

from apps.accounts import services
from apps.accounts.contracts import Member
from apps.accounts.errors import SecondFactorWrong
from apps.kernel import clock
from apps.kernel.errors import RateLimited
from tests.race.concurrency import in_thread, run_concurrently, wait_for_waiting
from tests.race.guards import guarded_by, nothing, replaced, taken_as_read

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

WORKERS = 20
STEP = taken_as_read('UPDATE "accounts_secondfactor"', r'"accounts_secondfactor"\."last_step" < %s')
CODE = taken_as_read('UPDATE "accounts_backupcode"', r'"accounts_backupcode"\."used_at" IS NULL')


@pytest.mark.parametrize("kind", ["app", "backup"])
@guarded_by(STEP, CODE, seen="[2-8] == 1", each=True)
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
    assert outcomes.kinds <= {SecondFactorWrong, RateLimited}


@guarded_by(replaced("apps.kernel.limits.hit", nothing), seen="TimeoutError")
def test_codes_that_are_being_looked_at_count_already(olga: Member) -> None:
    now = clock.now()
    before = now - timedelta(seconds=60)
    otp = pyotp.TOTP(services.begin_enrolment(user_id=olga.id, now=before).secret)
    services.finish_enrolment(user_id=olga.id, code=otp.at(before), now=before)

    def attempt(code: str) -> None:
        in_thread(lambda: services.check_second_factor(user_id=olga.id, code=code, now=now))

    with ThreadPoolExecutor(max_workers=6) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE accounts_secondfactor IN ACCESS EXCLUSIVE MODE")
            guesses = [pool.submit(attempt, "no code") for _ in range(5)]
            wait_for_waiting(5)
            with pytest.raises(RateLimited):  # the right one too
                pool.submit(attempt, otp.at(now)).result(timeout=5)
        assert {type(guess.exception(timeout=60)) for guess in guesses} == {SecondFactorWrong}
