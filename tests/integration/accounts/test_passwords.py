"""Operators' passwords: good ones only, changed on the record; and the session that changes one stays in the list."""

from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from apps.accounts import services
from apps.accounts.contracts import ListKind, ListScope, Member
from apps.accounts.errors import OperatorOutOfReach, PasswordNotGood
from apps.accounts.models import MemberSession, User
from apps.kernel import audit, clock
from apps.kernel.ids import UserId
from apps.kernel.models import AuditEntry
from tests.cast import Phone, operator
from tests.integration.accounts.test_sessions import rows, sign_in

pytestmark = pytest.mark.django_db

OLD, NEW = "a long demo password", "ein ganz anderer Satz"
WEAK = ["a", "short-one", "password1234", "739184650271"]
ADMIN = "/admin/accounts/user/"


def enter(username: str = "olga", password: str = OLD) -> Client:
    """A browser in which an operator has signed in with the password."""
    browser = Client()
    browser.post(reverse("operator-login"), {"username": username, "password": password})
    return browser


def change(browser: Client, password: str, old: str = OLD) -> Any:
    form = {"old_password": old, "new_password1": password, "new_password2": password}
    return browser.post(reverse("admin:password_change"), form)


def is_in(browser: Client) -> bool:
    return browser.get(ADMIN).status_code == 200


def test_the_session_that_changed_the_password_is_in_the_list_and_can_be_ended(olga: Member) -> None:
    browser = enter()
    key = browser.cookies["sessionid"].value
    assert change(browser, NEW).status_code == 302
    assert browser.cookies["sessionid"].value != key
    assert is_in(browser)
    (row,) = rows(browser)
    assert row["is_current"]

    session = MemberSession.objects.get(revoked_at=None)
    services.revoke_session_as_operator(session_id=session.pk, actor=audit.SYSTEM, reason="stolen", now=clock.now())
    assert not is_in(browser)


@pytest.mark.parametrize("scope", [ListScope.LOGIN, ListScope.ALL])
def test_the_black_list_reaches_the_session_after_a_new_password(olga: Member, scope: ListScope) -> None:
    browser = enter()
    change(browser, NEW)
    services.list_member(
        user_id=olga.id, kind=ListKind.BLACK, scope=scope, actor=audit.SYSTEM, reason="left", now=clock.now()
    )
    assert not is_in(browser)


def test_a_new_secret_key_leaves_every_session_in_the_list(phone: Phone, settings: Settings) -> None:
    here, there = sign_in(phone), sign_in(phone)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "a new secret key " * 4
    assert [row["is_current"] for row in rows(here)].count(True) == 1
    assert there.get("/api/v1/me").status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert sorted(row["is_current"] for row in rows(here)) == [False, True]

    assert here.delete("/api/v1/me/sessions").status_code == 204
    assert there.get("/api/v1/me").status_code == 401
    assert here.post("/api/v1/auth/logout").status_code == 204
    assert not MemberSession.objects.filter(revoked_at=None).exists()


def test_a_session_that_has_left_the_list_gets_no_new_key(olga: Member, phone: Phone, settings: Settings) -> None:
    of_operator, of_member = enter(), sign_in(phone)
    MemberSession.objects.update(revoked_at=clock.now())  # by who looked before the new key, and ends the old one

    assert change(of_operator, NEW).status_code == 302
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "a new secret key " * 4
    of_member.get("/api/v1/me")

    assert not is_in(of_operator)
    assert of_member.get("/api/v1/me").status_code == 401
    assert not any(SESSION_KEY in session.get_decoded() for session in Session.objects.all())


def test_a_new_password_ends_the_other_sessions_and_is_on_the_record(olga: Member) -> None:
    here, there = enter(), enter()
    assert change(here, NEW).status_code == 302
    assert (is_in(here), is_in(there), is_in(enter(password=NEW)), is_in(enter())) == (True, False, True, False)
    entry = AuditEntry.objects.get(action="accounts.change_password")
    assert (entry.actor, entry.target_id, entry.after) == (f"staff:{olga.id}", str(olga.id), {"ended_sessions": 1})
    assert MemberSession.objects.filter(revoked_at=None).count() == 2


@pytest.mark.parametrize("weak", WEAK)
def test_a_password_that_is_easy_to_guess_is_refused_everywhere(operator_browser: Client, weak: str) -> None:
    browser = enter()
    assert change(browser, weak).status_code == 200
    assert is_in(enter())
    form = {"username": "olga2", "password": weak, "roles": [], "reason": "new colleague"}
    added = operator_browser.post(reverse("admin:accounts_user_add"), form)
    assert (added.status_code, "password" in added.context["adminform"].form.errors) == (200, True)
    with pytest.raises(PasswordNotGood):
        operator("olga2", weak)
    with pytest.raises(ValidationError):
        User.objects.create_superuser("olga2", weak)
    assert not User.objects.filter(username="olga2").exists()
    assert not AuditEntry.objects.filter(action="accounts.change_password").exists()


def test_createsuperuser_asks_the_same_and_is_on_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a")
    with pytest.raises(CommandError):
        call_command("createsuperuser", interactive=False, username="root", verbosity=0)
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", NEW)
    call_command("createsuperuser", interactive=False, username="root", verbosity=0)
    assert AuditEntry.objects.get().target_id == str(User.objects.get(username="root").pk)


# --- who guesses


def from_address(address: str, username: str = "olga", password: str = OLD) -> bool:
    browser = Client(REMOTE_ADDR=address)
    browser.post(reverse("operator-login"), {"username": username, "password": password})
    return is_in(browser)


@pytest.fixture
def one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stands still: what is counted falls into one window, however long the passwords take."""
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)


@pytest.mark.usefixtures("one_window")
def test_wrong_passwords_from_everywhere_do_not_lock_an_operator_out(olga: Member) -> None:
    for number in range(60):
        assert not from_address(f"198.51.100.{number}", password="wrong")
    assert from_address("203.0.113.1")
    # Where a flood comes from, two are enough; elsewhere one may mistype.
    assert [from_address("203.0.113.2", password="wrong"), from_address("203.0.113.2")] == [False, True]
    assert [from_address("203.0.113.3", password=word) for word in ("wrong", "wrong", OLD)] == [False] * 3


@pytest.mark.usefixtures("one_window")
def test_ten_wrong_passwords_of_a_name_or_twenty_of_a_network_close_it_there(olga: Member) -> None:
    for _ in range(10):
        from_address("203.0.113.1", password="wrong")
    assert not from_address("203.0.113.1")
    for number in range(20):
        from_address("203.0.113.2", username=f"name{number}", password="wrong")
    assert not from_address("203.0.113.2")
    assert from_address("203.0.113.3")


# --- whom an operator may act upon


def support() -> Member:
    return services.create_operator(username="sam", password=OLD, roles=("support",), now=clock.now())


@pytest.mark.parametrize("whom", ["superuser", "colleague"])
def test_support_ends_nothing_of_an_operator(olga: Member, whom: str) -> None:
    sam = support()
    if whom == "colleague":
        olga = services.create_operator(username="carl", password=OLD, roles=("support",), now=clock.now())
    browser = enter("olga" if whom == "superuser" else "carl")
    key = services.create_api_key(user_id=olga.id, name="k", scopes=("chat",), now=clock.now())
    session = MemberSession.objects.get(user_id=olga.id)
    by: dict[str, Any] = {"actor": f"staff:{sam.id}", "reason": "because", "now": clock.now()}
    entry: dict[str, Any] = {"kind": ListKind.BLACK, "scope": ListScope.LOGIN}
    acts: list[Any] = [
        lambda: services.revoke_session_as_operator(session_id=session.pk, **by),
        lambda: services.revoke_api_key_as_operator(key_id=key.detail.id, **by),
        lambda: services.freeze(user_id=olga.id, **by),
        lambda: services.unfreeze(user_id=olga.id, **by),
        lambda: services.list_member(user_id=olga.id, **entry, **by),
        lambda: services.unlist_member(user_id=olga.id, **entry, **by),
        lambda: services.set_roles(user_id=olga.id, roles=(), **by),
        lambda: services.remove_second_factor(user_id=olga.id, **by),
    ]
    for act in acts:
        with pytest.raises(OperatorOutOfReach):
            act()
    assert is_in(browser)
    assert services.api_keys_of(user_id=olga.id)
    assert not AuditEntry.objects.filter(actor=f"staff:{sam.id}").exists()


def test_ones_own_session_and_key_may_be_ended(alice: Member, olga: Member) -> None:
    sam = support()
    browser = enter("sam")
    key = services.create_api_key(user_id=sam.id, name="k", scopes=("chat",), now=clock.now())
    by: dict[str, Any] = {"actor": f"staff:{sam.id}", "reason": "because", "now": clock.now()}
    services.revoke_api_key_as_operator(key_id=key.detail.id, **by)
    services.revoke_session_as_operator(session_id=MemberSession.objects.get().pk, **by)
    assert not is_in(browser)
    services.freeze(user_id=alice.id, **by)
    services.freeze(user_id=UserId(sam.id), **{**by, "actor": f"staff:{olga.id}"})
    assert User.objects.filter(status="frozen").count() == 2


def test_the_page_says_that_an_operator_is_out_of_reach(olga: Member) -> None:
    support()
    browser, theirs = enter("sam"), enter()
    session = MemberSession.objects.get(user_id=olga.id)
    body = {"action": "revoke", "_selected_action": [str(session.pk)], "reason": "because"}
    page = browser.post(reverse("admin:accounts_membersession_changelist"), body, follow=True).content.decode()
    assert "operator_out_of_reach" in page
    assert is_in(theirs)
