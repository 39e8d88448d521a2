"""Members: their profile, what a frozen one may not do, and what operators see."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client

from apps.accounts import services
from apps.accounts.contracts import ListScope, Member
from apps.accounts.errors import (
    LanguageNotKnown,
    MemberFrozen,
    MemberNotFound,
    NicknameNotValid,
    UsernameTaken,
)
from apps.accounts.models import User
from apps.kernel import clock
from apps.kernel.errors import ReasonMissing
from apps.kernel.ids import UserId
from apps.kernel.models import AuditEntry
from tests.cast import browser_of, member

pytestmark = pytest.mark.django_db

NOBODY = UserId(uuid4())


def test_registering_twice_finds_the_same_member() -> None:
    assert member("alice") == member("alice")
    assert User.objects.count() == 1


def test_members_are_shown_in_one_query(alice: Member, bob: Member, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        found = services.members(user_ids=[alice.id, bob.id, NOBODY])
    assert found == {alice.id: alice, bob.id: bob}


def test_nobody_is_not_found(db: None) -> None:
    for service in (services.get_member, services.get_profile):
        with pytest.raises(MemberNotFound):
            service(user_id=NOBODY)
    with pytest.raises(MemberNotFound):
        services.hold_active(user_id=NOBODY, scope=ListScope.CHAT, now=clock.now())


def test_the_profile_is_changed_by_its_owner(alice_browser: Client, alice: Member) -> None:
    answer = alice_browser.patch("/api/v1/me", {"nickname": " 云上的  鹿 ", "language": "en"}, "application/json")
    assert answer.status_code == 200
    assert answer.json()["nickname"] == "云上的 鹿"
    assert answer.json()["language"] == "en"
    assert alice_browser.cookies["django_language"].value == "en"
    assert services.get_member(user_id=alice.id).nickname == "云上的 鹿"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"nickname": ""}, "validation_failed"),
        ({"nickname": "\u200b"}, "nickname_not_valid"),
        ({"nickname": "x" * 25}, "nickname_not_valid"),
        ({"language": "tlh"}, "language_not_known"),
        ({"status": "active"}, "validation_failed"),
        ({"is_staff": True}, "validation_failed"),
    ],
)
def test_a_bad_profile_is_refused_and_nothing_changes(
    alice_browser: Client, alice: Member, body: dict[str, object], code: str
) -> None:
    answer = alice_browser.patch("/api/v1/me", body, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert services.get_member(user_id=alice.id) == alice


def test_the_services_refuse_what_the_api_would(alice: Member) -> None:
    with pytest.raises(NicknameNotValid):
        services.change_profile(user_id=alice.id, nickname="\u202e")
    with pytest.raises(LanguageNotKnown):
        services.change_profile(user_id=alice.id, language="tlh")


def test_a_visitor_has_no_profile(visitor: Client) -> None:
    assert visitor.get("/api/v1/me").status_code == 401
    assert visitor.patch("/api/v1/me", {"nickname": "x"}, "application/json").status_code == 401


def test_freezing_needs_a_reason_is_written_down_and_is_undone(alice: Member, olga: Member) -> None:
    by: dict[str, Any] = {"user_id": alice.id, "actor": f"staff:{olga.id}", "now": clock.now()}
    services.hold_active(user_id=alice.id, scope=ListScope.CHAT, now=clock.now())
    with pytest.raises(ReasonMissing):
        services.freeze(**by, reason=" ")
    services.hold_active(user_id=alice.id, scope=ListScope.CHAT, now=clock.now())
    for _ in range(2):
        assert services.freeze(**by, reason="spam").status == "frozen"
    with pytest.raises(MemberFrozen):
        services.hold_active(user_id=alice.id, scope=ListScope.CHAT, now=clock.now())
    services.unfreeze(**by, reason="a mistake")
    services.hold_active(user_id=alice.id, scope=ListScope.CHAT, now=clock.now())
    trail = list(AuditEntry.objects.filter(target_id=str(alice.id)).order_by("id").values_list("action", "reason"))
    assert trail == [("accounts.freeze", "spam"), ("accounts.unfreeze", "a mistake")]


def test_an_operator_signs_in_to_the_admin_until_frozen(olga: Member) -> None:
    browser = Client()
    assert browser.login(username="olga", password="a long demo password")
    assert browser.get("/admin/").status_code == 200
    services.freeze(user_id=olga.id, actor="system", reason="left", now=clock.now())
    assert browser.get("/admin/").status_code == 302
    assert not Client().login(username="olga", password="a long demo password")


def test_a_user_name_is_taken_once(olga: Member) -> None:
    with pytest.raises(UsernameTaken):
        services.create_operator(username="olga", password="another one, as long", now=clock.now())
    assert User.objects.count() == 1


def test_the_command_makes_an_operator_too(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a long demo password")
    call_command("createsuperuser", "--noinput", "--username", "root", verbosity=0)
    assert get_user_model().objects.get().is_superuser


def test_a_member_is_no_operator(alice_browser: Client) -> None:
    assert alice_browser.get("/admin/").status_code == 302


def test_the_database_knows_the_statuses(alice: Member) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=alice.id).update(status="banned")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=alice.id).update(is_staff=True)


# --- the admin


def test_operators_find_members_and_never_see_an_openid(operator_browser: Client, alice: Member, bob: Member) -> None:
    for query in ("Alice", "lic", str(alice.id)):
        found = operator_browser.get(f"/admin/accounts/user/?q={query}").content.decode()
        assert f"/admin/accounts/user/{alice.id}/change/" in found
        assert str(bob.id) not in found
    assert str(alice.id) not in operator_browser.get("/admin/accounts/user/?q=oAliceOpenid0001").content.decode()
    page = operator_browser.get(f"/admin/accounts/user/{alice.id}/change/").content.decode()
    assert "…0001" in page
    assert "oAliceOpenid0001" not in page
    assert 'name="_save"' not in page


def test_operators_freeze_with_a_reason(operator_browser: Client, alice: Member, olga: Member) -> None:
    form = {"action": "freeze", "_selected_action": [str(alice.id)]}
    asked = operator_browser.post("/admin/accounts/user/", form)
    assert asked.status_code == 200
    assert services.get_member(user_id=alice.id).status == "active"
    operator_browser.post("/admin/accounts/user/", {**form, "reason": "spam"})
    assert services.get_member(user_id=alice.id).status == "frozen"
    assert AuditEntry.objects.get(action="accounts.freeze").actor == f"staff:{olga.id}"
    operator_browser.post("/admin/accounts/user/", {**form, "action": "unfreeze", "reason": "a mistake"})
    assert services.get_member(user_id=alice.id).status == "active"


# --- pages


def test_the_sign_in_page_says_what_to_do(visitor: Client) -> None:
    page = visitor.get("/login/?next=/shop/").content.decode()
    assert 'data-next="/shop/"' in page
    assert "id_code" in page


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "evil", ""]
)
def test_after_sign_in_nobody_is_sent_to_another_site(alice_browser: Client, visitor: Client, target: str) -> None:
    assert alice_browser.get("/login/", {"next": target})["Location"] == "/chat/"
    assert 'data-next="/chat/"' in visitor.get("/login/", {"next": target}).content.decode()


def test_the_account_page_is_the_members_own(alice: Member, visitor: Client) -> None:
    assert "Alice" in browser_of(alice.id).get("/account/").content.decode()
    assert visitor.get("/account/")["Location"] == "/login/?next=/account/"
