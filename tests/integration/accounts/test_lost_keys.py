"""Nobody stays in because a sealing key is missing, and nobody's page breaks for it."""

from collections.abc import Callable

import pyotp
import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from apps.accounts import services
from apps.accounts.contracts import ListKind, ListScope, Member
from apps.accounts.errors import SecondFactorWrong
from apps.accounts.models import CallbackMessage, MemberSession
from apps.kernel import clock
from apps.kernel.ids import UserId
from tests.cast import Phone
from tests.integration.accounts.test_second_factor import enrolled
from tests.integration.accounts.test_sessions import PHONE, sign_in

pytestmark = pytest.mark.django_db

ANOTHER = "another secret that nobody guesses, fifty or more of it"


def owner(browser: Client) -> Member:
    return services.get_member(user_id=UserId(browser.get("/api/v1/me").json()["id"]))


def is_in(browser: Client) -> bool:
    return bool(browser.get("/api/v1/me").status_code == 200)


def black_list(member: Member) -> None:
    services.list_member(
        user_id=member.id, kind=ListKind.BLACK, scope=ListScope.LOGIN, actor="staff:x", reason="fraud", now=clock.now()
    )


def revoke_each(member: Member) -> None:
    for row in services.sessions_of(user_id=member.id, session_key=None, now=clock.now()):
        services.revoke_session_as_operator(session_id=row.id, actor="staff:x", reason="stolen", now=clock.now())


ENDINGS: dict[str, Callable[[Member], object]] = {
    "others": lambda who: services.revoke_other_sessions(user_id=who.id, session_key=None, now=clock.now()),
    "each": revoke_each,
    "list": black_list,
    "close": lambda who: services.close_account(user_id=who.id, confirm=who.nickname, now=clock.now()),
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_sessions_end_without_the_key_that_sealed_them(
    phone: Phone, settings: Settings, end: Callable[[Member], object]
) -> None:
    before = [sign_in(phone), sign_in(phone, agent=PHONE)]
    member = owner(before[0])
    stranger = sign_in(Phone("oStranger01"))
    settings.SEALING_KEY = ANOTHER
    since = sign_in(phone)

    end(member)

    assert [is_in(browser) for browser in (*before, since, stranger)] == [False, False, False, True]
    assert [row.user_id for row in MemberSession.objects.filter(revoked_at=None)] == [owner(stranger).id]


def test_one_that_the_key_sealed_takes_those_with_it_that_nobody_can_tell_from_it(
    phone: Phone, settings: Settings
) -> None:
    before = [sign_in(phone), sign_in(phone, agent=PHONE)]
    lost = MemberSession.objects.order_by("pk").first()
    assert lost is not None
    settings.SEALING_KEY = ANOTHER
    since = sign_in(phone)

    services.revoke_session(user_id=owner(since).id, session_id=lost.pk, now=clock.now())

    assert [is_in(browser) for browser in (*before, since)] == [False, False, True]
    assert MemberSession.objects.filter(revoked_at=None).count() == 1


def test_one_that_was_met_since_is_told_apart(phone: Phone, settings: Settings) -> None:
    here, there = sign_in(phone), sign_in(phone, agent=PHONE)
    lost = MemberSession.objects.order_by("pk").last()
    assert lost is not None
    settings.SEALING_KEY_FORMER, settings.SEALING_KEY = [settings.SEALING_KEY], ANOTHER
    services.note_session_use(session_key=here.session.session_key, now=clock.now())
    settings.SEALING_KEY_FORMER = []

    services.revoke_session(user_id=owner(here).id, session_id=lost.pk, now=clock.now())

    assert [is_in(here), is_in(there)] == [True, False]
    assert MemberSession.objects.filter(revoked_at=None).count() == 1


def test_an_authenticator_that_no_key_opens_takes_no_code(olga: Member, settings: Settings) -> None:
    now = clock.now()
    otp, _ = enrolled(olga, now)
    settings.SEALING_KEY = ANOTHER

    with pytest.raises(SecondFactorWrong):
        services.check_second_factor(user_id=olga.id, code=otp.at(now), now=now)


def test_an_enrolment_that_no_key_opens_begins_anew(olga: Member, settings: Settings) -> None:
    now = clock.now()
    former = services.begin_enrolment(user_id=olga.id, now=now).secret
    settings.SEALING_KEY = ANOTHER

    secret = services.begin_enrolment(user_id=olga.id, now=now).secret

    assert secret != former
    assert services.begin_enrolment(user_id=olga.id, now=now).secret == secret
    assert services.finish_enrolment(user_id=olga.id, code=pyotp.TOTP(secret).at(now), now=now)


def test_a_repeated_message_whose_reply_no_key_opens_gets_none(phone: Phone) -> None:
    assert phone.text("登录", message_id=77)
    CallbackMessage.objects.update(reply_sealed="0123456789ab.lost")

    assert phone.text("登录", message_id=77) == ""
