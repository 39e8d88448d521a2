"""Leaving while something else happens: either the account closes or the act goes through, never half of both."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client

from apps.accounts import services
from apps.accounts.contracts import Member
from apps.accounts.errors import CodeNotValid, MemberClosed
from apps.accounts.models import ApiKey, LoginAttempt, MemberSession, User, WeChatIdentity
from apps.chat import services as chat
from apps.chat.contracts import GenerationState, Outcome
from apps.chat.errors import AnswerUnderWay, ConversationNotFound
from apps.chat.models import Conversation, Generation, Message
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from apps.orders.errors import OrderUnderWay
from apps.orders.models import Order
from config import demo
from tests.cast import Phone, member
from tests.integration.accounts.test_sign_in import ATTEMPTS
from tests.integration.chat.conftest import make_model, send, set_limits
from tests.integration.orders.conftest import pack, place
from tests.integration.orders.wechat_server import wechat
from tests.race.concurrency import Outcomes, in_thread, run_concurrently, run_together
from tests.race.guards import Rewritten, guarded_by, locks

__all__ = ["wechat"]  # a fixture

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

ROUNDS = 5
MEMBER_UNLOCKED = locks("accounts_user")
# Who deletes the code need not wait for who uses it.
CODE_LOOKED_AT = Rewritten('UPDATE "accounts_logincode"', r"^UPDATE (\S+) SET \S+ = %s", r"SELECT %s FROM \1")
SIGN_IN_UNLOCKED = locks("accounts_user", "accounts_wechatidentity", "accounts_loginattempt", "accounts_logincode")


def close(person: Member) -> None:
    services.close_account(user_id=person.id, confirm=person.nickname, now=clock.now())


def together(*acts: Callable[[], object]) -> Outcomes[object]:
    return run_together(acts)


def is_closed(person: Member) -> bool:
    return User.objects.get(pk=person.id).status == "closed"


def during_the_closing(person: Member, act: Callable[[], object]) -> Future[object]:
    """What became of an act that begins while the account's closing is under way, and may wait for its end."""
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        close(person)
        acting = pool.submit(in_thread, act)
        with suppress(TimeoutError):
            acting.exception(timeout=1)  # it waits for the member
    return acting


def talker() -> tuple[Member, Any]:
    """A member with one answered question."""
    make_model()
    set_limits(free_per_day=9)
    person = member("alice")
    asked = send(person.id)
    done = Outcome(state=GenerationState.FINISHED, text="Hello!", finish_reason="stop")
    for job in chat.claim_jobs(limit=5, now=clock.now()):
        chat.finish_run(generation_id=job.generation_id, lease_token=job.lease_token, outcome=done, now=clock.now())
    return person, asked


def _ask(person: Member, asked: Any) -> object:
    return send(person.id, "a secret", conversation_id=Message.objects.get(pk=asked.answer.id).conversation_id)


def _regenerate(person: Member, asked: Any) -> object:
    return chat.regenerate_answer(
        user_id=person.id, message_id=asked.answer.id, model=None, client_id=uuid4().hex, now=clock.now()
    )


def _begin(person: Member, _: Any) -> object:
    return chat.create_conversation(user_id=person.id, title="a secret", now=clock.now())


def _ask_alone(person: Member, _: Any) -> object:
    request = [{"role": "user", "parts": [{"type": "text", "text": "a secret"}]}]
    return chat.start_generation(user_id=person.id, model="base", request=request, now=clock.now())


def _name(person: Member, asked: Any) -> object:
    conversation_id = Message.objects.get(pk=asked.answer.id).conversation_id
    return chat.change_conversation(
        user_id=person.id, conversation_id=conversation_id, title="a secret", now=clock.now()
    )


def _make_key(person: Member, _: Any) -> object:
    return services.create_api_key(user_id=person.id, name="a secret", scopes=("chat",), now=clock.now())


def _rename(person: Member, _: Any) -> object:
    return services.change_profile(user_id=person.id, nickname="Secret")


def _begin_and_ask(person: Member, _: Any) -> object:
    return send(person.id, "a secret")


WRITING = [_ask, _ask_alone, _regenerate, _begin, _begin_and_ask, _name, _make_key, _rename]


def left_at(person: Member) -> set[str]:
    """What a closed account must not have, by what it is; and what the audit says."""
    rows = {
        "conversation": Conversation.objects.filter(user_id=person.id, deleted_at=None),
        "title": Conversation.objects.filter(user_id=person.id).exclude(title=""),
        "text": Message.objects.filter(user_id=person.id).exclude(text=""),
        "answer": Generation.objects.filter(user_id=person.id).exclude(text="", request__isnull=True),
        "unsettled": Generation.objects.filter(user_id=person.id, state="queued"),
        "key": ApiKey.objects.filter(user_id=person.id),
        "name": User.objects.filter(pk=person.id, nickname="Secret"),
    }
    found = {what for what, kept in rows.items() if kept.exists()}
    return found | {check.number for check in all_invariants() if list(check.check(clock.now()))}


@pytest.mark.parametrize("write", WRITING)
@guarded_by(MEMBER_UNLOCKED, seen="== set|Conversation(Busy|NotFound)|DID NOT", each=True)
def test_what_is_written_while_the_account_closes_is_refused(write: Callable[[Member, Any], object]) -> None:
    person, asked = talker()

    written = during_the_closing(person, partial(write, person, asked))

    assert left_at(person) == set()
    with pytest.raises(MemberClosed):
        written.result()


@pytest.mark.parametrize("write", [_ask_alone, _begin, _begin_and_ask, _name, _make_key, _rename])
def test_nothing_is_written_at_a_closed_account(write: Callable[[Member, Any], object]) -> None:
    person, asked = talker()
    close(person)

    with pytest.raises(MemberClosed):
        write(person, asked)

    assert left_at(person) == set()


@guarded_by(MEMBER_UNLOCKED, meet="(UPDATE|DELETE|INSERT)", seen="== 1|Error")
def test_ten_at_once_close_once() -> None:
    alice = member("alice")

    outcomes = run_concurrently(partial(close, alice), workers=10)

    assert len(outcomes.results) == 1
    assert outcomes.kinds == {MemberClosed}


@guarded_by(MEMBER_UNLOCKED, meet='UPDATE "(chat_conversation|accounts_user)"', seen="ConversationBusy|True != True")
def test_nobody_asks_and_leaves_at_once() -> None:
    demo.load(now=clock.now())
    for number in range(ROUNDS):
        person = member(f"person{number}")
        talk = chat.create_conversation(user_id=person.id, now=clock.now())
        ask = partial(
            chat.ask_question,
            user_id=person.id,
            conversation_id=talk.id,
            text="a secret",
            model="demo-swift",
            client_id=uuid4().hex,
            now=clock.now(),
        )

        outcomes = together(ask, partial(close, person))

        assert outcomes.kinds <= {MemberClosed, ConversationNotFound, AnswerUnderWay}
        assert is_closed(person) != Generation.objects.filter(user_id=person.id).exists()
        assert is_closed(person) != Message.objects.filter(user_id=person.id).exclude(text="").exists()


@pytest.mark.usefixtures("wechat")
@guarded_by(MEMBER_UNLOCKED, meet='INSERT INTO "orders_order"|UPDATE "accounts_user"', seen="True != True")
def test_nobody_orders_and_leaves_at_once() -> None:
    product = pack()
    for number in range(ROUNDS):
        person = member(f"person{number}")

        outcomes = together(partial(place, person.id, product), partial(close, person))

        assert outcomes.kinds <= {MemberClosed, OrderUnderWay}
        assert is_closed(person) != Order.objects.filter(user_id=person.id).exists()


@guarded_by(
    SIGN_IN_UNLOCKED, CODE_LOOKED_AT, meet='UPDATE "accounts_loginattempt" SET "state"', seen="IntegrityError|exists"
)
def test_who_signs_in_while_leaving_is_in_before_or_as_somebody_new() -> None:
    for number in range(ROUNDS):
        phone = Phone(f"oLeaver{number}Openid")
        person = services.register_member(openid=phone.openid, now=clock.now())
        attempt = services.open_attempt(address="203.0.113.1", invite_code="", now=clock.now())
        sign_in = partial(
            services.sign_in_with_code,
            attempt_id=attempt.id,
            browser_secret=attempt.browser_secret,
            code=phone.login_code(),
            address=f"203.0.113.{number}",
            now=clock.now(),
        )

        outcomes = together(sign_in, partial(close, person))

        assert outcomes.kinds <= {CodeNotValid}
        assert is_closed(person)
        assert not WeChatIdentity.objects.filter(user_id=person.id).exists()
        assert not LoginAttempt.objects.filter(user_id=person.id).exists()


def test_nobody_signs_in_to_an_account_that_is_closed_meanwhile() -> None:
    for number in range(4 * ROUNDS):
        phone = Phone(f"oFollower{number:04}")
        person = services.register_member(openid=phone.openid, now=clock.now())
        browser = Client()
        attempt = browser.post(ATTEMPTS, {}, content_type="application/json").json()
        code = {"code": phone.login_code()}
        enter = partial(browser.post, f"{ATTEMPTS}/{attempt['id']}/code", code, content_type="application/json")

        outcomes = together(enter, partial(close, person))

        assert outcomes.errors == []
        assert outcomes.results[0].status_code in (200, 400, 403)  # type: ignore[attr-defined]
        assert is_closed(person)
        assert not MemberSession.objects.filter(user_id=person.id, revoked_at=None).exists()
        assert browser.get("/api/v1/me").status_code == 401
