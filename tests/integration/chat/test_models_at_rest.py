"""A model that nobody would be asked for now is still offered, and says so."""

from datetime import timedelta

import pytest
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import BreakerState
from apps.chat.models import Channel, ChannelHealth, ChannelKey
from apps.chat.services.channels import rest_key
from apps.kernel import clock
from tests.integration.chat.conftest import make_model

pytestmark = pytest.mark.django_db

NOTE = "Does not answer at the moment."


@pytest.fixture
def browser(alice_browser: Client, rich_alice: Member, model: str) -> Client:
    """Alice's, with the model "base" on the channel "test"."""
    return alice_browser


def answering(member: Member) -> dict[str, bool]:
    """By model, what is offered."""
    offers = services.models_for(user_id=member.id, now=clock.now())
    assert {offer.reason for offer in offers} == {""}
    return {offer.id: offer.answering for offer in offers}


def leave_alone(channel: str = "test", *, seconds: int) -> None:
    """The breaker of a channel is open for so long."""
    health = {"state": BreakerState.OPEN, "failures": 5, "retry_at": clock.now() + timedelta(seconds=seconds)}
    ChannelHealth.objects.update_or_create(channel=Channel.objects.get(code=channel), defaults=health)


def sleep(key: ChannelKey) -> None:
    """Its provider refused it."""
    rest_key(key_id=key.pk, reason="upstream_arrears", now=clock.now())


def test_a_model_answers_as_long_as_one_key_of_a_channel_that_is_well_is_awake(rich_alice: Member, model: str) -> None:
    services.save_channel_key(channel_code="test", name="other", api_key="sk-other", now=clock.now())
    first, other = ChannelKey.objects.order_by("pk")

    sleep(first)
    assert answering(rich_alice) == {"base": True}
    sleep(other)
    assert answering(rich_alice) == {"base": False}
    ChannelKey.objects.filter(pk=other.pk).update(sleeps_until=clock.now() - timedelta(seconds=1))
    assert answering(rich_alice) == {"base": True}
    services.save_channel_key(channel_code="test", name="other", api_key=None, is_enabled=False, now=clock.now())
    assert answering(rich_alice) == {"base": False}


def test_a_model_answers_as_long_as_one_of_its_channels_is_not_left_alone(rich_alice: Member, model: str) -> None:
    make_model(channel="second")
    make_model("third", channel="second")

    leave_alone(seconds=60)
    assert answering(rich_alice) == {"base": True, "third": True}
    leave_alone("second", seconds=60)
    assert answering(rich_alice) == {"base": False, "third": False}
    # Its pause is over: the next question tries it.
    leave_alone(seconds=-1)
    assert answering(rich_alice) == {"base": True, "third": False}
    Channel.objects.filter(code="second").update(is_forced=True)
    assert answering(rich_alice) == {"base": True, "third": True}


def test_the_page_says_so_and_begins_with_a_model_that_answers(browser: Client, rich_alice: Member) -> None:
    make_model("zweite", channel="second")
    assert NOTE not in browser.get("/chat/", headers={"Accept-Language": "en"}).content.decode()

    leave_alone(seconds=60)

    page = browser.get("/chat/", headers={"Accept-Language": "en"})
    assert page.content.decode().count(NOTE) == 1
    assert page.context["chosen"].id == "zweite"
    assert [(each["id"], each["answering"]) for each in browser.get("/api/v1/chat/models").json()] == [
        ("base", False),
        ("zweite", True),
    ]
