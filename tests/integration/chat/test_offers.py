"""The price that was shown is the price that is asked: a question names it, and is asked at no other."""

from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import Extras, PerTokens
from apps.chat.models import Conversation, Generation, Message
from apps.kernel import clock
from apps.kernel.errors import OfferChanged
from apps.kernel.ids import new_id
from tests.integration.chat.conftest import give_quota, make_model, send
from tests.integration.chat.test_api import post_message
from tests.integration.chat.test_v1_completions import paid

pytestmark = pytest.mark.django_db

BY_TOKEN = PerTokens(input_milli=200, cached_milli=50, output_milli=800)


@pytest.fixture
def conversation_id(rich_alice: Member) -> UUID:
    return services.create_conversation(user_id=rich_alice.id, now=clock.now()).id


def offer_of(member: Member, model: str = "base") -> str:
    offers = services.models_for(user_id=member.id, now=clock.now())
    return next(each.offer for each in offers if each.id == model)


def test_a_question_is_asked_at_the_price_that_was_shown(
    rich_alice: Member, alice_browser: Client, model: str, conversation_id: UUID
) -> None:
    (shown,) = alice_browser.get("/api/v1/chat/models").json()

    assert post_message(alice_browser, conversation_id, offer=shown["offer"]).status_code == 202


def test_at_another_price_nothing_is_asked_and_the_present_one_is_told(
    rich_alice: Member, alice_browser: Client, model: str, conversation_id: UUID
) -> None:
    stale = offer_of(rich_alice)
    make_model(price_milli=2000)

    refused = post_message(alice_browser, conversation_id, offer=stale, client_id="client-0001")

    assert (refused.status_code, refused.json()["code"]) == (409, "offer_changed")
    assert refused.json()["context"] == {
        "offer": offer_of(rich_alice),
        "model": "base",
        "name": "Base",
        "in_free_allowance": True,
        "answer_milli": 2000,
        "think_milli": 0,
        "search_milli": 0,
    }
    assert (Generation.objects.count(), Message.objects.count(), paid(rich_alice)) == (0, 0, 0)
    assert Conversation.objects.get().head_id is None
    # The same act, at the price that is known by now.
    present = refused.json()["context"]["offer"]
    asked = post_message(alice_browser, conversation_id, offer=present, client_id="client-0001")
    assert (asked.status_code, paid(rich_alice)) == (202, 2000)


def test_a_repeat_finds_its_first_answer_whatever_the_price_is_by_now(
    rich_alice: Member, alice_browser: Client, model: str, conversation_id: UUID
) -> None:
    offer = offer_of(rich_alice)
    first = post_message(alice_browser, conversation_id, offer=offer, client_id="client-0001")
    make_model(price_milli=2000)

    again = post_message(alice_browser, conversation_id, offer=offer, client_id="client-0001")

    assert again.json()["generation"]["id"] == first.json()["generation"]["id"]
    assert paid(rich_alice) == 1000


@pytest.mark.parametrize(
    "change",
    [
        {"price_milli": 1001},
        {"price_milli": None, "price": BY_TOKEN},
        {"is_in_free_allowance": False},
        {"has_search": True, "extras": Extras(search_milli=1)},
    ],
    ids=["dearer", "by the token", "no longer free", "an extra"],
)
def test_whatever_changes_what_is_paid_is_another_offer(change: dict[str, Any], rich_alice: Member, model: str) -> None:
    stale = offer_of(rich_alice)
    make_model(**change)

    with pytest.raises(OfferChanged):
        send(rich_alice.id, offer=stale)


def test_what_costs_the_same_is_the_same_offer(rich_alice: Member, model: str) -> None:
    offer = offer_of(rich_alice)
    make_model(price_milli=2000)
    make_model()

    send(rich_alice.id, offer=offer)
    assert offer_of(rich_alice) == offer


def test_another_answer_is_asked_at_the_price_that_was_shown(
    rich_alice: Member, alice_browser: Client, model: str
) -> None:
    asked = send(rich_alice.id)
    services.stop_generation(user_id=rich_alice.id, generation_id=asked.generation.id, now=clock.now())
    stale = offer_of(rich_alice)
    make_model(price_milli=2000)

    def again(**body: str) -> Any:
        headers = {"Idempotency-Key": new_id().hex}
        path = f"/api/v1/chat/messages/{asked.answer.id}/regenerate"
        return alice_browser.post(path, body, content_type="application/json", headers=headers)

    refused = again(offer=stale)
    assert (refused.status_code, refused.json()["code"]) == (409, "offer_changed")
    assert Generation.objects.count() == 1
    assert again(offer=refused.json()["context"]["offer"]).status_code == 202


def test_the_offer_of_another_model_is_none_of_this(rich_alice: Member, model: str) -> None:
    give_quota(rich_alice.id, 5000)
    make_model("deep")

    with pytest.raises(OfferChanged):
        send(rich_alice.id, offer=offer_of(rich_alice, "deep"))


@pytest.mark.parametrize("offer", ["x" * 33, 7 * [1], {}, None])
def test_an_offer_that_cannot_be_one_is_refused(
    offer: object, rich_alice: Member, alice_browser: Client, model: str, conversation_id: UUID
) -> None:
    assert post_message(alice_browser, conversation_id, offer=offer).status_code == 400
    assert Generation.objects.count() == 0


def test_the_page_carries_the_offers(rich_alice: Member, alice_browser: Client, model: str) -> None:
    assert f'data-offer="{offer_of(rich_alice)}"' in alice_browser.get("/chat/").content.decode()
