"""The whole loop over HTTP, on the real site: sign in, chat, run out, pay, earn, exchange, draw, win, chat on."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.member import Member, eventually, refused
from tests.site import Site


@pytest.fixture
def member(site: Site) -> Iterator[Member]:
    with Member(site.url) as somebody:
        yield somebody


@pytest.fixture
def stranger(site: Site) -> Iterator[Member]:
    with Member(site.url) as somebody:
        somebody.sign_in()
        yield somebody


def the_activity(member: Member) -> str:
    return str(member.get("/api/v1/stages/web/home")["id"])


def use_up_free_messages(member: Member, model: str) -> str:
    conversation = member.new_conversation()
    for number in range(member.get("/api/v1/chat/quota")["free_left"]):
        answer = member.say(conversation, f"第 {number} 个问题：你是谁？", model=model)
        assert answer.state == "finished"
        assert answer.text
    return conversation


def buy(member: Member, **how: Any) -> dict[str, Any]:
    product = member.get("/api/v1/products")[0]
    order = member.order(product)
    assert order["pay"]["kind"] == "qr"
    member.pay(order, **how)
    delivered = eventually(lambda: member.get(f"/api/v1/orders/{order['id']}"), lambda row: row["state"] == "delivered")
    assert delivered["amount_fen"] == product["amount_fen"]
    return {**delivered, "product": product}


def test_a_newcomer_walks_the_whole_loop(site: Site, member: Member) -> None:
    # Sign in with the phone.
    user = member.sign_in()
    assert member.get("/api/v1/me")["id"] == user["id"]
    model = member.cheapest_model()

    # Chat on the free allowance, then run out.
    conversation = use_up_free_messages(member, model)
    with refused("quota_exhausted"):
        member.ask(conversation, "还有吗？", model=model)

    # Pay; the pack is delivered and chat goes on.
    order = buy(member)
    assert member.balances()["quota_milli"] == order["product"]["quota_milli"]
    assert member.say(conversation, "现在呢？", model=model).usage["charged_milli"] > 0
    spent = order["product"]["quota_milli"] - member.balances()["quota_milli"]
    assert spent > 0

    # The payment earned points and a chance; so does today's sign-in.
    eventually(member.balances, lambda row: row["points"] > 0 and row["chances"] > 0)
    before = member.balances()
    promised = member.post("/api/v1/sign-in")
    after = eventually(member.balances, lambda row: row["points"] > before["points"])
    assert after["points"] == before["points"] + promised["points"]
    with refused("already_signed_in"):
        member.post("/api/v1/sign-in")

    # Points buy a chance, chances buy draws.
    activity = the_activity(member)
    items = member.get("/api/v1/exchange/items")
    item = next(row for row in items if row["kind"] == "chances" and row["price_points"] <= after["points"])
    member.post("/api/v1/exchange/orders", {"item_id": item["id"], "quantity": 1})
    exchanged = member.balances()
    assert exchanged["points"] == after["points"] - item["price_points"]
    chances = exchanged["chances"]
    assert chances > 1
    draws = [member.post(f"/api/v1/activities/{activity}/draws", {"count": 1})["draws"][0] for _ in range(chances)]
    assert member.balances()["chances"] == 0
    with refused("no_chances"):
        member.post(f"/api/v1/activities/{activity}/draws", {"count": 1})

    # Every prize arrives; a quota prize is spent in chat.
    won = sum(draw["prize"]["amount"] for draw in draws if draw["prize"]["kind"] == "quota")
    expected = order["product"]["quota_milli"] - spent + won
    eventually(member.balances, lambda row: row["quota_milli"] == expected)
    eventually(
        lambda: member.get("/api/v1/draws")["results"],
        lambda rows: len(rows) == len(draws) and all(row["delivery_state"] == "done" for row in rows),
    )
    assert member.say(conversation, "谢谢。", model=model).state == "finished"

    audit = site.manage("audit")
    assert audit.returncode == 0, audit.stdout


def test_a_payment_without_a_notification_is_found_by_asking(member: Member) -> None:
    member.sign_in()

    buy(member, notify="none")

    assert member.balances()["quota_milli"] > 0


def test_a_failed_payment_delivers_nothing_and_can_be_tried_again(member: Member) -> None:
    member.sign_in()
    order = member.order(member.get("/api/v1/products")[0])

    member.pay(order, outcome="fail")
    assert member.get(f"/api/v1/orders/{order['id']}")["state"] == "paying"
    assert member.balances()["quota_milli"] == 0

    member.pay(order)
    eventually(lambda: member.get(f"/api/v1/orders/{order['id']}"), lambda row: row["state"] == "delivered")


def test_a_forged_notification_changes_nothing(member: Member) -> None:
    member.sign_in()
    order = member.order(member.get("/api/v1/products")[0])

    member.pay(order, outcome="fail", notify="forged")

    assert member.get(f"/api/v1/orders/{order['id']}")["state"] == "paying"
    assert member.balances()["quota_milli"] == 0


def test_fifty_notifications_deliver_once(member: Member) -> None:
    member.sign_in()

    order = buy(member, notify="duplicate", times=50)

    assert member.balances()["quota_milli"] == order["product"]["quota_milli"]


def test_what_is_not_there_or_not_yours_is_refused_and_changes_nothing(member: Member, stranger: Member) -> None:
    member.sign_in()
    order = member.order(member.get("/api/v1/products")[0])
    conversation = member.new_conversation()

    with refused("order_not_found"):
        stranger.get(f"/api/v1/orders/{order['id']}")
    with refused("conversation_not_found"):
        stranger.ask(conversation, "hello", model="demo-swift")
    with refused("model_not_found"):
        member.ask(conversation, "hello", model="no-such-model")
    with refused("no_chances"):
        member.post(f"/api/v1/activities/{the_activity(member)}/draws", {"count": 1})
    dear = max(member.get("/api/v1/exchange/items"), key=lambda item: item["price_points"])
    assert dear["price_points"] > member.balances()["points"]
    with refused("not_enough_points"):
        member.post("/api/v1/exchange/orders", {"item_id": dear["id"], "quantity": 1})
    with refused("price_changed"):
        product = member.get("/api/v1/products")[0]
        member.order({**product, "amount_fen": 1})

    assert member.balances()["quota_milli"] == 0
    assert member.get(f"/api/v1/orders/{order['id']}")["state"] == "paying"
