"""Accounts in the admin: people are found, never by a whole openid on the page; what is ended is ended at once."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client
from django.urls import reverse

from apps.accounts import services
from apps.accounts.contracts import ListScope, Member
from apps.accounts.errors import ApiKeyNotValid, MemberBlocked
from apps.accounts.models import ApiKey, ListEntry, MemberSession, WeChatIdentity
from apps.kernel import clock
from apps.kernel.models import AuditEntry
from tests.cast import Phone
from tests.integration.accounts.test_sessions import sign_in
from tests.rows import unguard_all

pytestmark = pytest.mark.django_db


def search(browser: Client, words: str) -> str:
    answer = browser.get(reverse("admin:accounts_user_changelist"), {"q": words})
    assert answer.status_code == 200
    return answer.content.decode()


def act(browser: Client, model: str, action: str, pk: object, **fields: Any) -> str:
    body = {"action": action, ACTION_CHECKBOX_NAME: [str(pk)], "reason": "because", **fields}
    return browser.post(reverse(f"admin:accounts_{model}_changelist"), body, follow=True).content.decode()


def test_people_are_found_by_nickname_id_and_the_end_of_an_openid(
    alice: Member, bob: Member, operator_browser: Client
) -> None:
    unguard_all("accounts_wechatidentity")
    WeChatIdentity.objects.filter(user_id=alice.id).update(openid="oAlice7x9Qz")

    for words in ("alic", str(alice.id), "x9Qz", "7x9Qz"):
        page = search(operator_browser, words)
        assert str(alice.id) in page, words
        assert str(bob.id) not in page, words
    for words in ("9Qz", str(alice.id)[:13], "x9Q", "%", "nobody"):
        assert str(alice.id) not in search(operator_browser, words), words


def test_no_page_shows_an_openid(alice: Member, operator_browser: Client) -> None:
    openid = WeChatIdentity.objects.get(user_id=alice.id).openid
    person = operator_browser.get(reverse("admin:accounts_user_change", args=[alice.id])).content.decode()

    assert openid[-4:] in person
    for page in (person, search(operator_browser, ""), search(operator_browser, openid[-6:])):
        assert openid not in page


def test_a_reason_is_asked_for_first(alice: Member, operator_browser: Client) -> None:
    body = {"action": "put_on_list", ACTION_CHECKBOX_NAME: [str(alice.id)]}

    page = operator_browser.post(reverse("admin:accounts_user_changelist"), body).content.decode()

    for name in ("reason", "kind", "scope", "expires_at_0"):
        assert f'name="{name}"' in page
    assert not ListEntry.objects.exists()


def test_a_member_is_put_on_a_list_and_taken_off(alice: Member, operator_browser: Client) -> None:
    act(
        operator_browser,
        "user",
        "put_on_list",
        alice.id,
        kind="black",
        scope="draw",
        expires_at_0="2099-01-01",
        expires_at_1="00:00:00",
    )
    entry = ListEntry.objects.get()
    assert (entry.kind, entry.scope, entry.reason) == ("black", "draw", "because")
    assert entry.expires_at == datetime(2098, 12, 31, 16, tzinfo=UTC)  # midnight in Shanghai
    assert entry.created_by.startswith("staff:")
    with pytest.raises(MemberBlocked):
        services.hold_active(user_id=alice.id, scope=ListScope.DRAW, now=clock.now())

    act(operator_browser, "user", "take_off_list", alice.id, kind="black", scope="draw")
    services.hold_active(user_id=alice.id, scope=ListScope.DRAW, now=clock.now())
    page = act(operator_browser, "user", "take_off_list", alice.id, kind="black", scope="draw")
    assert "list_entry_not_found" in page
    actions = AuditEntry.objects.filter(target_id=str(alice.id)).order_by("id").values_list("action", flat=True)
    assert list(actions) == ["accounts.list_member", "accounts.unlist_member"]


def test_a_session_is_ended(phone: Phone, operator_browser: Client) -> None:
    browser = sign_in(phone)
    row = MemberSession.objects.get()

    act(operator_browser, "membersession", "revoke", row.pk)

    assert browser.get("/api/v1/me").status_code == 401
    assert AuditEntry.objects.get(action="accounts.revoke_session").target_id == str(row.user_id)


def test_a_key_is_revoked(alice: Member, operator_browser: Client) -> None:
    made = services.create_api_key(user_id=alice.id, name="script", scopes=("chat",), now=clock.now())

    for _ in range(2):
        act(operator_browser, "apikey", "revoke", made.detail.id)

    with pytest.raises(ApiKeyNotValid):
        services.identify_key(key=made.key, address="127.0.0.1", now=clock.now())
    assert AuditEntry.objects.filter(action="accounts.revoke_api_key").count() == 1
    page = operator_browser.get(reverse("admin:accounts_apikey_change", args=[made.detail.id])).content.decode()
    assert made.key not in page
    assert ApiKey.objects.get().key_hash not in page


@pytest.mark.parametrize("model", ["membersession", "apikey", "listentry", "loginevent"])
def test_what_operators_look_at_is_not_edited(operator_browser: Client, phone: Phone, model: str) -> None:
    sign_in(phone)

    assert operator_browser.get(reverse(f"admin:accounts_{model}_changelist")).status_code == 200
    assert operator_browser.get(reverse(f"admin:accounts_{model}_add")).status_code == 403


def test_sealed_session_keys_are_on_no_page(operator_browser: Client, phone: Phone) -> None:
    sign_in(phone)
    row = MemberSession.objects.get()

    page = operator_browser.get(reverse("admin:accounts_membersession_change", args=[row.pk])).content.decode()

    assert row.key_sealed not in page
    assert row.key_hash not in page
