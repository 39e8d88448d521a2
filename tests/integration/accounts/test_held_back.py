"""Frozen and black-listed members: what stays open to them, and what does not; white lists: what they spare."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts import services
from apps.accounts.contracts import ListKind, ListScope, Member
from apps.accounts.errors import (
    ListEntryNotFound,
    ListEntryNotPossible,
    MemberBlocked,
    MemberFrozen,
    MemberNotFound,
)
from apps.accounts.models import ListEntry, MemberSession
from apps.chat import services as chat
from apps.kernel import clock
from apps.kernel.errors import RateLimited, ReasonMissing
from apps.kernel.ids import UserId, new_id
from apps.kernel.models import AuditEntry
from apps.marketing import services as marketing
from apps.marketing.contracts import ActivityDetail
from tests.cast import Phone
from tests.integration.accounts.test_sessions import sign_in
from tests.integration.chat.conftest import give_quota, make_model, send, set_limits
from tests.integration.marketing import campaign
from tests.integration.marketing.conftest import autumn
from tests.integration.orders.conftest import pack

__all__ = ["autumn"]

pytestmark = pytest.mark.django_db

# The export of a frozen member: test_own_data.py.
READS = ("me", "me/logins", "me/sessions", "chat/conversations", "chat/quota", "orders", "points", "draws")
Act = Callable[[Client], Any]


def post(browser: Client, path: str, body: dict[str, Any] | None = None) -> Any:
    headers = {"Idempotency-Key": uuid4().hex}
    return browser.post(f"/api/v1/{path}", body or {}, content_type="application/json", headers=headers)


@pytest.fixture
def acts(alice: Member, autumn: ActivityDetail) -> dict[str, Act]:
    """Everything that costs something, ready to succeed but for who asks."""
    make_model()
    set_limits(free_per_day=0)
    give_quota(alice.id, 5000)
    asked = send(alice.id)
    chat.stop_generation(user_id=alice.id, generation_id=asked.generation.id, now=clock.now())
    conversation_id = chat.create_conversation(user_id=alice.id, now=clock.now()).id
    message = {"content": "hello", "model": "base", "client_id": str(new_id())}
    product = pack()
    order = {"product_id": str(product.id), "gateway": "wechat", "expected_amount_fen": product.amount_fen}
    item: dict[str, Any] = {"code": "credits", "title": "5", "kind": "quota", "amount": 5000, "price_points": 1}
    item_id = marketing.save_exchange_item(now=campaign.NOON, **item)
    campaign.give_points(alice.id, 10)
    campaign.give_chances(alice.id, autumn.id)
    return {
        "chat": lambda browser: post(browser, f"chat/conversations/{conversation_id}/messages", message),
        "regenerate": lambda browser: post(browser, f"chat/messages/{asked.answer.id}/regenerate"),
        "pay": lambda browser: post(browser, "orders", order),
        "draw": lambda browser: post(browser, f"activities/{autumn.id}/draws", {"count": 1}),
        "exchange": lambda browser: post(browser, "exchange/orders", {"item_id": str(item_id), "quantity": 1}),
        "check in": lambda browser: post(browser, "sign-in"),
    }


def put(member: Member, kind: ListKind, scope: ListScope, **more: Any) -> None:
    values = {"actor": "staff:x", "reason": "because", "now": clock.now(), **more}
    services.list_member(user_id=member.id, kind=kind, scope=scope, **values)


def take_off(member: Member, kind: ListKind, scope: ListScope, reason: str = "over") -> None:
    services.unlist_member(user_id=member.id, kind=kind, scope=scope, actor="staff:x", reason=reason, now=clock.now())


def test_a_frozen_member_looks_and_does_nothing_else(
    alice: Member, alice_browser: Client, acts: dict[str, Act]
) -> None:
    services.freeze(user_id=alice.id, actor="staff:x", reason="fraud", now=clock.now())

    assert {path: alice_browser.get(f"/api/v1/{path}").status_code for path in READS} == dict.fromkeys(READS, 200)
    for name, act in acts.items():
        answer = act(alice_browser)
        assert (name, answer.status_code, answer.json()["code"]) == (name, 403, "member_frozen")
    # nothing was charged, held, drawn or ordered
    assert chat.quota_of(user_id=alice.id, now=clock.now()).balance_milli == 5000
    assert chat.quota_of(user_id=alice.id, now=clock.now()).held_milli == 0
    assert alice_browser.get("/api/v1/orders").json()["results"] == []
    assert alice_browser.get("/api/v1/draws").json()["results"] == []
    assert alice_browser.get("/api/v1/points").json() == {"points": 10}


def test_a_frozen_member_signs_in(phone: Phone) -> None:
    user_id = sign_in(phone).get("/api/v1/me").json()["id"]
    services.freeze(user_id=UserId(user_id), actor="staff:x", reason="fraud", now=clock.now())

    assert sign_in(phone).get("/api/v1/me").json()["status"] == "frozen"


@pytest.mark.parametrize(
    ("scope", "held_back"),
    [
        (ListScope.CHAT, {"chat", "regenerate"}),
        (ListScope.PAY, {"pay"}),
        (ListScope.DRAW, {"draw", "exchange", "check in"}),
        (ListScope.LOGIN, set()),
        (ListScope.ALL, {"chat", "regenerate", "pay", "draw", "exchange", "check in"}),
    ],
)
def test_a_black_list_holds_back_in_its_scope_only(
    alice: Member, alice_browser: Client, acts: dict[str, Act], scope: ListScope, held_back: set[str]
) -> None:
    put(alice, ListKind.BLACK, scope)

    refused = set()
    for name, act in acts.items():
        if name == "pay" and "pay" not in held_back:
            continue  # would talk to the provider
        answer = act(alice_browser)
        if answer.status_code == 403:
            assert answer.json()["code"] == "member_blocked"
            refused.add(name)
    assert refused == held_back
    assert alice_browser.get("/api/v1/me").status_code == 200


def test_who_may_not_sign_in_is_signed_out_everywhere(phone: Phone) -> None:
    browser = sign_in(phone)
    member = services.get_member(user_id=UserId(browser.get("/api/v1/me").json()["id"]))

    put(member, ListKind.BLACK, ListScope.ALL)

    assert browser.get("/api/v1/me").status_code == 401
    assert not MemberSession.objects.filter(revoked_at=None).exists()
    take_off(member, ListKind.BLACK, ListScope.ALL)
    assert sign_in(phone).get("/api/v1/me").status_code == 200


@pytest.mark.parametrize(
    ("kind", "scope"),
    [
        (ListKind.WHITE, ListScope.LOGIN),
        (ListKind.WHITE, ListScope.ALL),
        (ListKind.BLACK, ListScope.CHAT),
        (ListKind.BLACK, ListScope.PAY),
        (ListKind.BLACK, ListScope.DRAW),
    ],
)
def test_no_other_list_signs_anybody_out(phone: Phone, kind: ListKind, scope: ListScope) -> None:
    browser = sign_in(phone)
    member = services.get_member(user_id=UserId(browser.get("/api/v1/me").json()["id"]))

    put(member, kind, scope)

    assert browser.get("/api/v1/me").status_code == 200


def test_status_and_lists_are_one_query(alice: Member) -> None:
    put(alice, ListKind.BLACK, ListScope.PAY)

    with CaptureQueriesContext(connection) as queries:
        services.hold_active(user_id=alice.id, scope=ListScope.CHAT, now=clock.now())
    assert len(queries) == 1


def test_a_list_entry_ends_by_itself_or_by_an_operator(alice: Member) -> None:
    now = clock.now()
    put(alice, ListKind.BLACK, ListScope.CHAT, expires_at=now + timedelta(hours=1), now=now)
    with pytest.raises(MemberBlocked):
        services.hold_active(user_id=alice.id, scope=ListScope.CHAT, now=now + timedelta(minutes=59))
    services.hold_active(user_id=alice.id, scope=ListScope.CHAT, now=now + timedelta(hours=1))

    put(alice, ListKind.BLACK, ListScope.CHAT)  # again, although the old entry was never ended by hand
    with pytest.raises(MemberBlocked):
        services.hold_active(user_id=alice.id, scope=ListScope.CHAT, now=now + timedelta(days=900))
    take_off(alice, ListKind.BLACK, ListScope.CHAT)
    services.hold_active(user_id=alice.id, scope=ListScope.CHAT, now=clock.now())
    assert ListEntry.objects.filter(ended_at=None).count() == 0
    actions = AuditEntry.objects.filter(target_id=str(alice.id)).order_by("id").values_list("action", flat=True)
    assert list(actions) == ["accounts.list_member", "accounts.list_member", "accounts.unlist_member"]


def test_an_entry_ends_alone(alice: Member, bob: Member) -> None:
    """Not those of another member, kind or scope; and what has ended is not ended again."""
    entries = [
        (alice, ListKind.BLACK, ListScope.PAY),
        (alice, ListKind.WHITE, ListScope.PAY),
        (alice, ListKind.BLACK, ListScope.CHAT),
        (bob, ListKind.BLACK, ListScope.PAY),
    ]
    for entry in entries:
        put(*entry)
    listed = ListEntry.objects.filter(ended_at=None).order_by("id").values_list("user_id", "kind", "scope")
    assert list(listed.all()) == [(member.id, kind, scope) for member, kind, scope in entries]

    take_off(*entries[0])

    assert list(listed.all()) == [(member.id, kind, scope) for member, kind, scope in entries[1:]]
    with pytest.raises(ListEntryNotFound):
        take_off(*entries[0])


def test_frozen_comes_before_blocked(alice: Member) -> None:
    put(alice, ListKind.BLACK, ListScope.ALL)
    services.freeze(user_id=alice.id, actor="staff:x", reason="r", now=clock.now())

    with pytest.raises(MemberFrozen):
        services.hold_active(user_id=alice.id, scope=ListScope.CHAT, now=clock.now())


def test_an_entry_needs_a_member_a_reason_and_a_future(alice: Member) -> None:
    with pytest.raises(ReasonMissing):
        put(alice, ListKind.BLACK, ListScope.ALL, reason=" ")
    now = clock.now()
    with pytest.raises(ListEntryNotPossible):
        put(alice, ListKind.BLACK, ListScope.ALL, expires_at=now, now=now)
    with pytest.raises(ListEntryNotFound):
        take_off(alice, ListKind.BLACK, ListScope.ALL)
    with pytest.raises(ReasonMissing):
        take_off(alice, ListKind.BLACK, ListScope.ALL, reason="")
    nobody: dict[str, Any] = {"user_id": UserId(new_id()), "actor": "x", "reason": "r", "now": clock.now()}
    with pytest.raises(MemberNotFound):
        services.list_member(kind=ListKind.BLACK, scope=ListScope.ALL, **nobody)
    assert not ListEntry.objects.exists()


def test_the_database_allows_one_open_entry_of_a_kind_and_scope(alice: Member) -> None:
    put(alice, ListKind.WHITE, ListScope.PAY)
    twin = ListEntry.objects.get()
    twin.pk = new_id()

    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save(force_insert=True)


def try_often(member: Member, times: int) -> int:
    """How many tries of an act with a limit of three pass."""
    passed = 0
    for _ in range(times):
        try:
            services.limit_member(
                user_id=member.id,
                scope=ListScope.PAY,
                act="test",
                limit=3,
                window=timedelta(days=1),
                now=clock.now(),
            )
        except RateLimited:
            continue
        passed += 1
    return passed


@pytest.mark.parametrize(("scope", "passed"), [(ListScope.PAY, 5), (ListScope.ALL, 5), (ListScope.CHAT, 3)])
def test_a_white_list_spares_the_limits_of_its_scope(alice: Member, bob: Member, scope: ListScope, passed: int) -> None:
    put(alice, ListKind.WHITE, scope)

    assert (try_often(alice, 5), try_often(bob, 5)) == (passed, 3)


def test_a_white_list_spares_nothing_else(alice: Member) -> None:
    put(alice, ListKind.WHITE, ListScope.ALL)
    put(alice, ListKind.BLACK, ListScope.CHAT)

    with pytest.raises(MemberBlocked):
        services.hold_active(user_id=alice.id, scope=ListScope.CHAT, now=clock.now())
    take_off(alice, ListKind.WHITE, ListScope.ALL)
    assert try_often(alice, 5) == 3
