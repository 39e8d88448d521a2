"""Operators decide how many messages a day are free, none included: no page promises more."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.chat import services as chat
from apps.kernel import clock
from tests.integration.chat.conftest import make_model, set_limits

pytestmark = pytest.mark.django_db

# What each page may say of free messages, and only where there are some.
PROMISED = {
    "/": ["每天有免费次数", "每天都有免费次数"],
    "/chat/": ["每天的前几条消息免费", "也可以等明天的免费次数"],
    "/shop/": ["每天的免费次数照常可用"],
    "/orders/": ["当天的免费次数用完后"],
}


def _channel_off() -> None:
    chat.save_channel(code="test", base_url="http://127.0.0.1:9/v1", api_key=None, is_enabled=False, now=clock.now())


def _rule_off() -> None:
    chat.save_rule(code="access-limit", is_on=False, place=None, actor="staff:1", reason="a test", now=clock.now())


NONE: dict[str, Callable[[], None]] = {
    "the limit is zero": lambda: set_limits(free_per_day=0),
    "no model takes them": lambda: make_model("base", is_in_free_allowance=False),
    "the model has to be bought": lambda: make_model("base", needs_entitlement=True),
    "the model is off": lambda: make_model("base", is_enabled=False),
    "the channel is off": _channel_off,
    "the rule of free answers is off": _rule_off,
}


def said(address: str, visitor: Client, member: Client) -> list[bool]:
    """Which of the page's promises it makes."""
    answer = (visitor if address == "/" else member).get(address)
    assert answer.status_code == 200
    return [words in answer.content.decode() for words in PROMISED[address]]


@pytest.fixture(autouse=True)
def free_messages(db: None) -> None:
    """A model for everybody, and five free messages of it a day."""
    make_model("base")
    set_limits(free_per_day=5)


@pytest.mark.parametrize("address", PROMISED)
@pytest.mark.parametrize("reason", NONE)
def test_no_page_promises_free_messages_where_there_are_none(
    reason: str, address: str, visitor: Client, alice_browser: Client
) -> None:
    assert all(said(address, visitor, alice_browser))

    NONE[reason]()

    assert not any(said(address, visitor, alice_browser))


def test_asking_costs_one_look_a_second() -> None:
    with CaptureQueriesContext(connection) as first:
        assert chat.policy_on_show().free_per_day == 5
    with CaptureQueriesContext(connection) as second:
        assert chat.policy_on_show().free_per_day == 5

    assert (len(first), len(second)) == (1, 0)
