"""Leaving while something else happens: either the account closes or the act goes through, never half of both."""

from collections.abc import Callable
from functools import partial
from uuid import uuid4

import pytest

from apps.accounts import services
from apps.accounts.contracts import Member
from apps.accounts.errors import CodeNotValid, MemberClosed
from apps.accounts.models import LoginAttempt, User, WeChatIdentity
from apps.chat import services as chat
from apps.chat.errors import AnswerUnderWay, ConversationBusy
from apps.chat.models import Generation, Message
from apps.kernel import clock
from apps.orders.errors import OrderUnderWay
from apps.orders.models import Order
from config import demo
from tests.cast import Phone, member
from tests.integration.orders.conftest import pack, place
from tests.integration.orders.wechat_server import wechat
from tests.race.concurrency import Outcomes, run_concurrently, run_together

__all__ = ["wechat"]  # a fixture

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

ROUNDS = 5


def close(person: Member) -> None:
    services.close_account(user_id=person.id, confirm=person.nickname, now=clock.now())


def together(*acts: Callable[[], object]) -> Outcomes[object]:
    return run_together(acts)


def is_closed(person: Member) -> bool:
    return User.objects.get(pk=person.id).status == "closed"


def test_ten_at_once_close_once() -> None:
    alice = member("alice")

    outcomes = run_concurrently(partial(close, alice), workers=10)

    assert len(outcomes.results) == 1
    assert {type(error) for error in outcomes.errors} == {MemberClosed}


def test_nobody_asks_and_leaves_at_once() -> None:
    demo.load(now=clock.now())
    for number in range(ROUNDS):
        person = member(f"person{number}")
        talk = chat.create_conversation(user_id=person.id, now=clock.now())
        ask = partial(
            chat.ask,
            user_id=person.id,
            conversation_id=talk.id,
            text="a secret",
            model="demo-swift",
            client_id=uuid4().hex,
            now=clock.now(),
        )

        outcomes = together(ask, partial(close, person))

        assert {type(error) for error in outcomes.errors} <= {MemberClosed, ConversationBusy, AnswerUnderWay}
        assert is_closed(person) != Generation.objects.filter(user_id=person.id).exists()
        assert is_closed(person) != Message.objects.filter(user_id=person.id).exclude(text="").exists()


@pytest.mark.usefixtures("wechat")
def test_nobody_orders_and_leaves_at_once() -> None:
    product = pack()
    for number in range(ROUNDS):
        person = member(f"person{number}")

        outcomes = together(partial(place, person.id, product), partial(close, person))

        assert {type(error) for error in outcomes.errors} <= {MemberClosed, OrderUnderWay}
        assert is_closed(person) != Order.objects.filter(user_id=person.id).exists()


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

        assert {type(error) for error in outcomes.errors} <= {CodeNotValid}
        assert is_closed(person)
        assert not WeChatIdentity.objects.filter(user_id=person.id).exists()
        assert not LoginAttempt.objects.filter(user_id=person.id).exists()
