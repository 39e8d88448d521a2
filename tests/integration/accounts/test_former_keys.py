"""Who signs in, or is signed in, while a key changes: what SECRET_KEY or a former key hashed still counts."""

from io import StringIO
from typing import Any

import pyotp
import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django.fixtures import Settings

from apps.accounts import services
from apps.accounts.contracts import AttemptState, Member
from apps.accounts.errors import SecondFactorWrong
from apps.accounts.models import BackupCode, CallbackMessage, LoginAttempt, LoginCode, MemberSession, UsedSignature
from apps.kernel import clock, sealing
from tests.cast import Phone, signed_query
from tests.integration.accounts.test_callback import LOGIN, message, seconds, send
from tests.integration.accounts.test_sessions import rows, sign_in
from tests.integration.accounts.test_sign_in import enter, start
from tests.integration.accounts.wechat_server import WeChat, wechat
from tests.integration.kernel.sealed_rows import SECRETS, hash_of_accounts, keep_as_before
from tests.rows import unguard_all

__all__ = ["wechat"]
pytestmark = pytest.mark.django_db

ANOTHER = "another secret that nobody guesses, fifty or more of it"


def change_key(settings: Settings) -> None:
    settings.SEALING_KEY_FORMER, settings.SEALING_KEY = [settings.SEALING_KEY], ANOTHER


def test_a_code_and_its_attempt_outlive_a_change_of_the_key(phone: Phone, settings: Settings) -> None:
    browser = Client()
    attempt, code = start(browser), phone.login_code()
    change_key(settings)

    assert enter(browser, attempt, code).status_code == 200


def test_a_code_and_its_attempt_of_the_first_release_sign_in(phone: Phone) -> None:
    browser = Client()
    attempt, code = start(browser), phone.login_code()
    unguard_all("accounts_loginattempt")
    LoginAttempt.objects.update(browser_hash=hash_of_accounts("browser", browser.cookies["login_attempt"].value))
    LoginCode.objects.update(code_hash=hash_of_accounts("code", code))

    assert enter(browser, attempt, code).status_code == 200


def test_a_code_names_one_person_whatever_keys_it_was_hashed_with(phone: Phone, settings: Settings) -> None:
    other = Phone("oOther0001")
    code = phone.login_code()
    other.login_code()
    theirs = LoginCode.objects.get(identity__openid=other.openid)
    LoginCode.objects.filter(pk=theirs.pk).update(code_hash=hash_of_accounts("code", code))
    browser = Client()

    assert enter(browser, start(browser), code).status_code == 200

    theirs.refresh_from_db()
    assert theirs.used_at is None


def test_a_backup_code_of_the_first_release_works_once(olga: Member) -> None:
    keep_as_before(olga)

    services.check_second_factor(user_id=olga.id, code="ABCDE-23456", now=clock.now())

    assert BackupCode.objects.exclude(used_at=None).exists()
    with pytest.raises(SecondFactorWrong):
        services.check_second_factor(user_id=olga.id, code="ABCDE-23456", now=clock.now())


def test_an_authenticator_of_the_first_release_goes_on_when_it_is_resealed(olga: Member) -> None:
    keep_as_before(olga)
    list(sealing.reseal())
    now = clock.now()

    services.check_second_factor(
        user_id=olga.id, code=pyotp.TOTP(SECRETS["accounts.SecondFactor.secret_sealed"]).at(now), now=now
    )


def test_a_session_is_rekeyed_when_it_is_used_and_can_be_ended(phone: Phone, settings: Settings) -> None:
    here, there = sign_in(phone), sign_in(phone)
    change_key(settings)
    assert [row["is_current"] for row in rows(here)].count(True) == 1
    key = str(here.session.session_key)
    for browser in (here, there):
        session = browser.session
        session["seen_at"] = 0
        session.save()
        browser.get("/api/v1/me")

    assert MemberSession.objects.filter(key_hash=sealing.keyed_hash("session", key)).exists()
    list(sealing.reseal())
    settings.SEALING_KEY_FORMER = []
    assert here.delete("/api/v1/me/sessions").status_code == 204
    assert there.get("/api/v1/me").status_code == 401


def test_a_session_that_nobody_used_meanwhile_stays_in_the_list_without_the_former_key(
    phone: Phone, settings: Settings
) -> None:
    here, there = sign_in(phone), sign_in(phone)
    change_key(settings)
    list(sealing.reseal())
    settings.SEALING_KEY_FORMER = []

    assert sorted(row["is_current"] for row in rows(here)) == [False, True]
    call_command("audit", "--only", "I-59-sessions", stdout=StringIO())
    session = there.session
    session.cycle_key()  # as a new password does
    session.save()
    there.cookies["sessionid"] = str(session.session_key)
    assert there.get("/api/v1/me").status_code == 200
    assert here.delete("/api/v1/me/sessions").status_code == 204
    assert there.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize("is_first_release", [True, False])
def test_a_used_signature_stays_used(is_first_release: bool, settings: Settings) -> None:
    query, body = signed_query(seconds()), message(LOGIN)
    assert send(body, query).status_code == 200
    if is_first_release:
        signature = query.partition("&")[0].removeprefix("signature=")
        UsedSignature.objects.update(signature_hash=hash_of_accounts("signature", signature))
    else:
        change_key(settings)

    assert send(message(LOGIN.replace("7001", "7002")), query).status_code == 403
    assert UsedSignature.objects.count() == 1
    assert send(body, query).status_code == 200


def test_a_message_that_comes_again_gets_the_reply_that_it_got(phone: Phone, settings: Settings) -> None:
    first = phone.text("登录", message_id=77)
    change_key(settings)

    assert phone.text("登录", message_id=77) == first
    assert CallbackMessage.objects.count() == 1


def test_a_scanned_code_is_found_under_a_former_key(wechat: WeChat, phone: Phone, settings: Settings) -> None:
    browser = Client()
    attempt = start(browser)
    change_key(settings)
    phone.scan(scene=wechat.scene, ticket=wechat.tickets[wechat.scene])
    phone.confirm()

    state: Any = LoginAttempt.objects.get(pk=attempt["id"]).state
    assert state == AttemptState.CONFIRMED


def test_a_key_that_went_takes_its_codes_with_it(phone: Phone, settings: Settings) -> None:
    browser = Client()
    attempt, code = start(browser), phone.login_code()
    settings.SEALING_KEY = ANOTHER

    assert enter(browser, attempt, code).status_code == 404
