"""Fifty at once: one code is one session, one message is one reply, one person is one member."""

from datetime import UTC, datetime
from functools import partial

import pytest

from apps.accounts import rules, services
from apps.accounts.contracts import CallbackRequest, Member, OpenedAttempt, SignedIn
from apps.accounts.errors import CallbackForged, CodeNotValid
from apps.accounts.models import CallbackMessage, LoginAttempt, LoginCode, User, WeChatIdentity
from apps.kernel import clock
from apps.kernel.models import AuditEntry, OutboxEvent
from tests.cast import Phone, member, signed_query
from tests.race.concurrency import run_concurrently, run_together
from tests.race.guards import dropped, guarded_by, locks, taken_as_read

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

CODE_UNUSED = taken_as_read('UPDATE "accounts_logincode"', r'"accounts_logincode"\."used_at" IS NULL')


def open_attempt() -> OpenedAttempt:
    return services.open_attempt(address="203.0.113.1", invite_code="", now=clock.now())


def redeem(attempt: OpenedAttempt, code: str, address: str = "203.0.113.1") -> SignedIn:
    return services.sign_in_with_code(
        attempt_id=attempt.id, browser_secret=attempt.browser_secret, code=code, address=address, now=clock.now()
    )


@guarded_by(CODE_UNUSED, seen=r"== \[True\]")
def test_one_code_in_fifty_browsers_signs_one_of_them_in() -> None:
    code = Phone().login_code()
    attempts = [open_attempt() for _ in range(50)]

    outcomes = run_together([partial(redeem, attempt, code) for attempt in attempts])

    assert [signed_in.is_new for signed_in in outcomes.results] == [True]
    # The losers' wrong codes count, so the last of them are told to wait.
    assert len(outcomes.errors) == 49
    assert LoginAttempt.objects.filter(state="confirmed").count() == 1
    assert User.objects.count() == OutboxEvent.objects.filter(topic="accounts.user_registered").count() == 1


@guarded_by(
    CODE_UNUSED,
    taken_as_read('UPDATE "accounts_loginattempt"', r'"accounts_loginattempt"\."state" IN \(.*?\)'),
    seen="5 == 1",
)
def test_one_attempt_sent_fifty_times_signs_in_once() -> None:
    code, attempt = Phone().login_code(), open_attempt()

    outcomes = run_concurrently(lambda: redeem(attempt, code), workers=50)

    assert len(outcomes.results) == 1
    assert LoginAttempt.objects.get().tries <= rules.TRIES_PER_ATTEMPT
    assert LoginCode.objects.get().used_at is not None


@guarded_by(
    taken_as_read('UPDATE "accounts_loginattempt"', r'"accounts_loginattempt"\."tries" < \(.*?\)'),
    dropped("accounts_loginattempt_tries_not_above_limit"),
    seen="== 5",
)
def test_fifty_guesses_at_once_on_one_attempt_count_as_five() -> None:
    attempt = open_attempt()
    addresses = iter(f"198.51.100.{number}" for number in range(50))

    outcomes = run_together([partial(redeem, attempt, "AAAAAA", address) for address in addresses])

    assert outcomes.kinds == {CodeNotValid}
    assert LoginAttempt.objects.get().tries == rules.TRIES_PER_ATTEMPT


@guarded_by(dropped("accounts_callbackmessage_once"), seen="== 1")
def test_the_same_message_fifty_times_gets_one_reply() -> None:
    seconds = int(clock.now().timestamp())
    requests = [
        _login_message(openid="oFollower0001", message_id=7001, seconds=seconds, query=signed_query(seconds))
        for _ in range(50)
    ]

    outcomes = run_together([partial(_answer, request) for request in requests])

    assert outcomes.errors == []
    assert len(set(outcomes.results)) == 1
    assert "<Content>" in outcomes.results[0]
    assert CallbackMessage.objects.count() == LoginCode.objects.count() == WeChatIdentity.objects.count() == 1


@guarded_by(dropped("accounts_usedsignature_once"), seen="== 1")
def test_one_signature_under_fifty_messages_is_good_for_one() -> None:
    seconds = int(clock.now().timestamp())
    query = signed_query(seconds)
    requests = [
        _login_message(openid=f"oFollower{number}", message_id=number, seconds=seconds, query=query)
        for number in range(1, 51)
    ]

    outcomes = run_together([partial(_answer, request) for request in requests])

    assert len(outcomes.results) == 1
    assert outcomes.kinds == {CallbackForged}
    assert LoginCode.objects.count() == 1


@guarded_by(
    locks("accounts_wechatidentity", "accounts_person"),
    dropped(
        "accounts_wechatidentity_once_per_account", "accounts_person_once_per_key", "accounts_user_one_open_per_person"
    ),
    meet='INSERT INTO "accounts_wechatidentity"',
    seen="8 == 1|Multiple",
)
def test_one_person_registering_fifty_times_is_one_member() -> None:
    def register() -> Member:
        return services.register_member(openid="oFollower0001", now=clock.now())

    outcomes = run_concurrently(register, workers=50)

    assert outcomes.errors == []
    assert len({registered.id for registered in outcomes.results}) == 1
    assert User.objects.count() == OutboxEvent.objects.count() == 1


@guarded_by(locks("accounts_user"), meet='UPDATE "accounts_user"', seen="8 == 1")
def test_fifty_freezes_leave_one_line_in_the_trail() -> None:
    alice = member("alice")

    def freeze() -> None:
        services.freeze(user_id=alice.id, actor="staff:1", reason="spam", now=clock.now())

    assert run_concurrently(freeze, workers=50).errors == []
    assert AuditEntry.objects.filter(target_id=str(alice.id)).count() == 1


def _answer(request: CallbackRequest) -> str:
    return services.answer_callback(request=request, now=datetime.fromtimestamp(int(request.timestamp), UTC))


def _login_message(*, openid: str, message_id: int, seconds: int, query: str) -> CallbackRequest:
    parts = dict(part.split("=") for part in query.split("&"))
    xml = (
        f"<xml><ToUserName>gh_chatloop_demo</ToUserName><FromUserName>{openid}</FromUserName><CreateTime>{seconds}</CreateTime>"
        f"<MsgType>text</MsgType><Content>登录</Content><MsgId>{message_id}</MsgId></xml>"
    )
    return CallbackRequest(**parts, encrypt_type="", msg_signature="", body=xml.encode())
