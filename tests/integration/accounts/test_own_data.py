"""A member's own data: shown in one zip, complete and nobody else's; gone when they leave, with the books kept."""

import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4
from zipfile import ZipFile

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client

from apps.accounts import services
from apps.accounts.contracts import ListKind, ListScope, Member
from apps.accounts.errors import MemberClosed
from apps.accounts.models import ApiKey, LoginAttempt, LoginEvent, MemberSession, User, WeChatIdentity
from apps.accounts.rules import EXPORTS_PER_DAY
from apps.chat import services as chat
from apps.chat.models import Conversation, Generation, Message
from apps.kernel import clock
from apps.kernel.models import AuditEntry, IdempotencyKey
from apps.ledger.contracts import Cause, Purse
from apps.ledger.models import Account, Transfer
from apps.marketing import services as marketing
from apps.marketing.models import Delivery, Draw
from apps.orders import services as orders
from apps.orders.models import Order, Payment
from config import demo
from tests.cast import Phone, browser_of
from tests.integration.chat.test_without_conversation import start
from tests.integration.marketing import campaign
from tests.integration.orders.conftest import pack, place
from tests.integration.orders.wechat_server import WechatServer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("wechat")]

FILES = {
    "profile", "wechat", "person", "chance_entries", "logins", "api_keys", "conversations", "messages", "quota_entries",
    "generations", "entitlements", "orders", "payments", "points_entries", "sessions", "draws", "sign_ins", "exchanges",
    "rebates", "AIGC", "reports", "own_keys", "own_prompts", "pictures",
}  # fmt: skip


@pytest.fixture(autouse=True)
def furnished(db: None) -> None:
    """Models, products and an activity to live in."""
    demo.load(now=clock.now())


def live(person: Member, wechat: WechatServer) -> None:
    """Do a little of everything that leaves rows, and finish it."""
    now = clock.now()
    activity_id = marketing.balances_of(user_id=person.id, now=now).activity_id
    assert activity_id is not None
    talk = chat.create_conversation(user_id=person.id, title=f"{person.nickname} talks", now=now)
    alone = start(person, ("user", [f"{person.nickname} asks alone"]), model="demo-swift")
    for generation_id in (ask(person, talk.id), alone.id):
        chat.stop_generation(user_id=person.id, generation_id=generation_id, now=now)
    marketing.sign_in(user_id=person.id, now=now)
    with transaction.atomic():
        cause = Cause("test.gift", str(person.id))
        marketing.give_chances(user_id=person.id, activity_id=activity_id, amount=1, kind="gift", cause=cause, now=now)
        chat.grant_quota(user_id=person.id, amount_milli=5000, purse=Purse.GIFT, kind="gift", cause=cause, now=now)
    draw(person, activity_id)
    for delivery_id in Delivery.objects.filter(user_id=person.id).values_list("pk", flat=True):
        marketing.deliver_prize(delivery_id=delivery_id, now=now)
    services.create_api_key(user_id=person.id, name=f"key of {person.nickname}", scopes=("chat",), now=now)
    sign_in_over_http(person)
    order = place(person.id, pack())
    wechat.trades[Order.objects.get(pk=order.id).out_trade_no].pay()
    assert orders.check_order(user_id=person.id, order_id=order.id, now=now).state == "delivered"


def ask(person: Member, conversation_id: UUID | None = None) -> UUID:
    """Ask something; the generation that waits for its engine."""
    return chat.ask_question(
        user_id=person.id,
        conversation_id=conversation_id or chat.create_conversation(user_id=person.id, now=clock.now()).id,
        text=f"the secret of {person.nickname}",
        model="demo-swift",
        client_id=uuid4().hex,
        now=clock.now(),
    ).generation.id


def draw(person: Member, activity_id: UUID) -> None:
    """Draw once."""
    key = uuid4().hex
    marketing.draw(user_id=person.id, activity_id=activity_id, count=1, client_seed="", request_id=key, now=clock.now())


def sign_in_over_http(person: Member) -> Client:
    """A browser that came in with a code, as members do."""
    phone, browser = Phone(openid_of(person)), Client(REMOTE_ADDR="203.0.113.77")
    attempt = browser.post("/api/v1/auth/login-attempts", {}, "application/json").json()["id"]
    code = {"code": phone.login_code()}
    answer = browser.post(f"/api/v1/auth/login-attempts/{attempt}/code", code, "application/json")
    assert answer.status_code == 200, answer.content
    return browser


def openid_of(person: Member) -> str:
    """What WeChat calls them."""
    return WeChatIdentity.objects.get(user_id=person.id).openid


def exported(browser: Client) -> dict[str, Any]:
    """The files of the zip by name, parsed; a blank name holds their whole text."""
    answer = browser.get("/api/v1/me/export")
    assert (answer.status_code, answer["Content-Type"], answer["Cache-Control"]) == (200, "application/zip", "no-store")
    assert "attachment" in answer["Content-Disposition"]
    with ZipFile(BytesIO(b"".join(answer.streaming_content))) as archive:  # type: ignore[attr-defined]
        texts = {info.filename.removesuffix(".json"): archive.read(info).decode() for info in archive.infolist()}
    return {"": "\n".join(texts.values()), **{name: json.loads(text) for name, text in texts.items()}}


def close(browser: Client, confirm: str = "Alice") -> Any:
    """Ask to close the account."""
    return browser.delete("/api/v1/me", {"confirm": confirm}, "application/json")


def everything() -> list[Any]:
    """All rows that closing could touch."""
    tables = (
        User,
        WeChatIdentity,
        ApiKey,
        LoginEvent,
        MemberSession,
        Session,
        Conversation,
        Message,
        Transfer,
        Account,
    )
    return [list(table._default_manager.order_by("pk").values()) for table in (*tables, AuditEntry)]


# --- the zip


def test_the_zip_holds_what_the_member_did(alice: Member, wechat: WechatServer) -> None:
    live(alice, wechat)
    told = exported(browser_of(alice.id))
    assert set(told) == FILES | {""}
    assert told["profile"][0]["nickname"] == "Alice"
    assert told["wechat"][0]["openid_ends_with"] == openid_of(alice)[-4:]
    assert told["person"][0]["recognised_for_days_after_closing"] == settings.PERSON_KEY_KEPT_DAYS
    assert [row["title"] for row in told["conversations"]] == ["Alice talks"]
    assert [row["text"] for row in told["messages"]] == ["the secret of Alice", ""]
    assert told["messages"][1]["model"] == "demo-swift"
    assert {row["kind"] for row in told["quota_entries"]} >= {"gift"}
    assert [row["state"] for row in told["orders"]] == ["delivered"]
    assert told["payments"][0]["order_id"] == told["orders"][0]["id"]
    assert len(told["draws"]) == len(told["sign_ins"]) == 1
    assert told["chance_entries"][0]["balance_after"] == 1  # one came as a gift, one for signing in, one is drawn
    assert told["api_keys"][0]["name"] == "key of Alice"
    assert len(told["logins"]) == len(told["sessions"]) == 1


def test_the_zip_holds_nothing_of_anybody_else_and_no_secret(alice: Member, bob: Member, wechat: WechatServer) -> None:
    live(alice, wechat)
    live(bob, wechat)
    text = exported(browser_of(alice.id))[""]
    strange = [
        str(row.pk)
        for table in (Conversation, Message, Generation, Order, Draw, ApiKey, LoginEvent, MemberSession)
        for row in table._default_manager.filter(user_id=bob.id)
    ]
    secrets = [
        openid_of(alice),
        *ApiKey.objects.values_list("key_hash", flat=True),
        *MemberSession.objects.values_list("key_hash", flat=True),
        *MemberSession.objects.values_list("key_sealed", flat=True),
        *Session.objects.values_list("session_key", flat=True),
        *Payment.objects.values_list("payer_hash", flat=True),
        User.objects.get(pk=alice.id).password,
    ]
    assert len(strange) > 7
    for word in (*strange, str(bob.id), "Bob", openid_of(bob), *filter(None, secrets)):
        assert word not in text


def test_a_zip_of_nothing_much_is_still_a_zip(bob: Member) -> None:
    told = exported(browser_of(bob.id))
    assert told["orders"] == told["draws"] == told["messages"] == []


def test_a_large_zip_is_read_in_chunks(alice: Member) -> None:
    talk = chat.create_conversation(user_id=alice.id, now=clock.now())
    Message.objects.bulk_create(
        Message(
            conversation_id=talk.id, user_id=alice.id, role="user", text=f"{n} {uuid4()}" * 100, created_at=clock.now()
        )
        for n in range(450)
    )
    assert len(exported(browser_of(alice.id))["messages"]) == 450


def test_a_zip_is_made_a_few_times_a_day(alice_browser: Client) -> None:
    for _ in range(EXPORTS_PER_DAY):
        exported(alice_browser)
    refused = alice_browser.get("/api/v1/me/export")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")


def test_a_frozen_member_takes_their_data_away_but_does_not_leave(alice: Member, alice_browser: Client) -> None:
    services.freeze(user_id=alice.id, actor="system", reason="spam", now=clock.now())
    assert exported(alice_browser)["profile"][0]["status"] == "frozen"
    assert close(alice_browser).json()["code"] == "member_frozen"


def test_two_apps_cannot_write_the_same_file() -> None:
    with pytest.raises(ValueError, match="profile"):
        services.register_export("profile", lambda *, user_id: [])


# --- leaving


def test_who_leaves_is_forgotten_and_the_books_stay(alice: Member, bob: Member, wechat: WechatServer) -> None:
    live(alice, wechat)
    live(bob, wechat)
    browser = sign_in_over_http(alice)
    IdempotencyKey.objects.create(
        scope=f"user:{alice.id}", key="k" * 8, fingerprint="", locked_until=clock.now(), created_at=clock.now()
    )
    books = (list(Transfer.objects.values()), list(Account.objects.values()), list(Order.objects.values()))
    his = Message.objects.filter(user_id=bob.id).exclude(text="").count()
    answer = close(browser)

    assert answer.status_code == 204
    assert answer.cookies["sessionid"].value == ""
    assert browser.get("/api/v1/me").status_code == 401
    assert (list(Transfer.objects.values()), list(Account.objects.values()), list(Order.objects.values())) == books
    nobody = User.objects.get(pk=alice.id)
    assert nobody.status == "closed"
    assert (nobody.nickname, nobody.avatar, nobody.language, nobody.last_login) == (
        f"#{alice.id.hex[-6:]}",
        "",
        "",
        None,
    )
    for table in (MemberSession, LoginAttempt, LoginEvent, ApiKey, WeChatIdentity):
        assert not table._default_manager.filter(user_id=alice.id).exists()
        assert table._default_manager.filter(user_id=bob.id).exists()
    assert not IdempotencyKey.objects.filter(scope=f"user:{alice.id}").exists()
    assert not Message.objects.filter(user_id=alice.id).exclude(text="").exists()
    assert not Conversation.objects.filter(user_id=alice.id, deleted_at=None).exists()
    assert {row.user_id: len(row.payer_hash) for row in Payment.objects.all()} == {alice.id: 0, bob.id: 64}
    assert Message.objects.filter(user_id=bob.id).exclude(text="").count() == his
    entry = AuditEntry.objects.get(action="accounts.close")
    assert (entry.actor, entry.target_id, entry.before) == (f"user:{alice.id}", str(alice.id), {"status": "active"})
    assert "Alice" not in str(AuditEntry.objects.values_list("before", "after", "reason"))
    call_command("audit")


def test_the_same_wechat_comes_back_as_somebody_new(alice: Member) -> None:
    openid = openid_of(alice)
    assert close(browser_of(alice.id)).status_code == 204
    returned = services.register_member(openid=openid, now=clock.now())
    assert returned.id != alice.id
    assert returned.status == "active"
    assert exported(browser_of(returned.id))["messages"] == []
    assert services.get_member(user_id=alice.id).status == "closed"


def test_a_winner_who_left_is_nobody_in_the_feed(alice: Member, alice_browser: Client) -> None:
    prizes = (replace(campaign.POINTS_PRIZE, weight=999_999), replace(campaign.THANKS, weight=1))
    activity_id = campaign.activity(prizes).id
    with transaction.atomic():
        marketing.give_chances(
            user_id=alice.id,
            activity_id=activity_id,
            amount=1,
            kind="gift",
            cause=Cause("test.gift", str(alice.id)),
            now=campaign.NOON,
        )
    marketing.draw(
        user_id=alice.id, activity_id=activity_id, count=1, client_seed="", request_id=uuid4().hex, now=campaign.NOON
    )
    for delivery_id in Delivery.objects.values_list("pk", flat=True):
        marketing.deliver_prize(delivery_id=delivery_id, now=campaign.NOON)
    assert [win.member for win in marketing.winners_of(activity_id=activity_id)] == ["A**e"]
    assert close(alice_browser).status_code == 204
    assert [win.member for win in marketing.winners_of(activity_id=activity_id)] == [f"#**{alice.id.hex[-1]}"]


def test_a_session_that_survived_is_nobodys(alice: Member) -> None:
    one, other = browser_of(alice.id), browser_of(alice.id)
    assert close(one).status_code == 204
    assert other.get("/api/v1/me").status_code == 401
    assert close(other).status_code == 401


def open_order(alice: Member) -> None:
    place(alice.id, pack())


def running_answer(alice: Member) -> None:
    ask(alice)


def owed_prize(alice: Member) -> None:
    now = clock.now()
    activity_id = marketing.balances_of(user_id=alice.id, now=now).activity_id
    assert activity_id is not None
    with transaction.atomic():
        cause = Cause("test.gift", str(alice.id))
        marketing.give_chances(user_id=alice.id, activity_id=activity_id, amount=1, kind="gift", cause=cause, now=now)
    campaign.publish(activity_id, campaign.sure(campaign.POINTS_PRIZE, activity_id))
    draw(alice, activity_id)


def black_list(alice: Member) -> None:
    services.list_member(
        user_id=alice.id, kind=ListKind.BLACK, scope=ListScope.DRAW, actor="system", reason="bots", now=clock.now()
    )


@pytest.mark.parametrize(
    ("situation", "status", "code"),
    [
        (open_order, 409, "order_under_way"),
        (running_answer, 409, "answer_under_way"),
        (owed_prize, 409, "prize_on_its_way"),
        (black_list, 403, "member_blocked"),
    ],
)
def test_nobody_leaves_in_the_middle_of_something_and_nothing_changes(
    alice: Member, alice_browser: Client, situation: Callable[[Member], None], status: int, code: str
) -> None:
    situation(alice)
    before = everything()
    answer = close(alice_browser)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert everything() == before


@pytest.mark.parametrize("situation", [open_order, running_answer, owed_prize, black_list])
def test_what_others_are_in_the_middle_of_keeps_nobody(
    bob: Member, alice_browser: Client, situation: Callable[[Member], None]
) -> None:
    situation(bob)
    assert close(alice_browser).status_code == 204


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"confirm": "alice"}, "closing_not_confirmed"),
        ({"confirm": ""}, "validation_failed"),
        ({}, "validation_failed"),
        ({"confirm": "Alice", "force": True}, "validation_failed"),
    ],
)
def test_leaving_needs_the_nickname(alice_browser: Client, body: dict[str, Any], code: str) -> None:
    before = everything()
    answer = alice_browser.delete("/api/v1/me", body, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert everything() == before


def test_the_nickname_is_recognised_however_it_was_typed(alice: Member, alice_browser: Client) -> None:
    services.change_profile(user_id=alice.id, nickname="Zoë  Q")
    assert close(alice_browser, "  Zoe\u0308 Q ").status_code == 204


def test_an_operator_leaves_through_other_operators(operator_browser: Client) -> None:
    assert close(operator_browser, "olga").json()["code"] == "operator_not_closable"


def test_a_closed_account_is_never_touched_again(alice: Member, alice_browser: Client) -> None:
    close(alice_browser)
    by: dict[str, Any] = {"user_id": alice.id, "actor": "system", "reason": "x", "now": clock.now()}
    for act in (
        lambda: services.freeze(**by),
        lambda: services.unfreeze(**by),
        lambda: services.change_profile(user_id=alice.id, nickname="Alice"),
        lambda: services.hold_active(user_id=alice.id, scope=ListScope.CHAT, now=clock.now()),
        lambda: services.close_account(user_id=alice.id, confirm="Alice", now=clock.now()),
    ):
        with pytest.raises(MemberClosed):
            act()
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=alice.id).update(avatar="a0")


def test_a_visitor_has_nothing_to_take_or_to_close(visitor: Client) -> None:
    assert visitor.get("/api/v1/me/export").status_code == 401
    assert close(visitor).status_code == 401
