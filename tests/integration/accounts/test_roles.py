"""Operators' roles: what each may do in the admin, and what it may not."""

import importlib
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import reverse

from apps.accounts import services
from apps.accounts.contracts import Member
from apps.accounts.errors import OperatorNotFound, RoleNotKnown
from apps.accounts.models import Person, User
from apps.kernel import audit, clock
from apps.kernel.errors import ReasonMissing
from apps.kernel.ids import UserId
from apps.kernel.models import AuditEntry
from apps.kernel.roles import grant_now
from config.env import ROOT
from tests.cast import browser_of, member

pytestmark = pytest.mark.django_db

# Each app's migrations grant for what they bring.
GRANTS: list[dict[str, list[str]]] = [
    importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)).ROLES
    for path in sorted((ROOT / "apps").glob("*/migrations/*.py"))
    if "\nROLES = " in path.read_text(encoding="utf-8")
]
ROLES = {role: [name for grants in GRANTS for name in grants.get(role, [])] for role in GRANTS[0]}

# One page for each sort of thing, and who sees it.
SEES = {
    "accounts_user": {"support", "auditor"},
    "accounts_apikey": {"support", "auditor"},
    "accounts_listentry": {"support", "auditor"},
    "kernel_auditentry": {"auditor"},
    "kernel_proposal": {"finance", "auditor"},
    "kernel_switch": {"engineer", "auditor"},
    "kernel_outboxdelivery": {"engineer", "auditor"},
    "chat_channel": {"engineer", "auditor"},
    "chat_conversation": {"support", "auditor"},
    "orders_order": {"finance", "support", "auditor"},
    "orders_payment": {"finance", "auditor"},
    "ledger_transfer": {"finance", "auditor"},
    "ledger_lot": {"finance", "auditor"},
    "marketing_oddsversion": {"editor", "publisher", "auditor"},
    "marketing_draw": {"publisher", "support", "auditor"},
    "marketing_adjustment": {"finance", "support", "auditor"},
}
ADDS = {
    "orders_product": {"editor"},
    "marketing_activity": {"editor"},
    "marketing_adjustment": {"finance"},
    "marketing_oddsversion": {"editor"},
    "chat_channel": {"engineer"},
    "chat_chatmodel": {"engineer"},
}


@pytest.fixture(autouse=True)
def _roles(db: None) -> None:
    """Granted again: that is allowed, and tests with real transactions empty all tables."""
    grant_now(apps, ROLES)


def operator_with(role: str) -> Client:
    """The browser of an operator who has one role."""
    person = User.objects.create(
        person=Person.objects.create(created_at=clock.now()),
        username=role,
        nickname=role,
        is_staff=True,
        created_at=clock.now(),
    )
    user_id = UserId(person.pk)
    services.set_roles(user_id=user_id, roles=(role,), actor=audit.SYSTEM, reason="test", now=clock.now())
    return browser_of(user_id)


def act(browser: Client, model: str, action: str, pk: object, **fields: Any) -> str:
    body = {"action": action, ACTION_CHECKBOX_NAME: [str(pk)], "reason": "because", **fields}
    return browser.post(reverse(f"admin:{model}_changelist"), body, follow=True).content.decode()


def test_six_roles_exist() -> None:
    assert set(Group.objects.values_list("name", flat=True)) == set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_names_permissions_that_exist(role: str) -> None:
    real = {
        f"{model._meta.app_label}.{codename}"
        for model in apps.get_models()
        for codename in (
            *(f"{verb}_{model._meta.model_name}" for verb in model._meta.default_permissions),
            *(codename for codename, _ in model._meta.permissions),
        )
    }

    assert set(ROLES[role]) <= real
    assert Group.objects.get(name=role).permissions.count() == len(set(ROLES[role]))


def test_permissions_are_made_once_whoever_comes_first() -> None:
    before = Permission.objects.count()

    grant_now(apps, ROLES)
    call_command("migrate", verbosity=0)

    assert Permission.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_roles_are_granted_on_a_database_that_has_no_permissions_yet() -> None:
    Group.objects.all().delete()
    Permission.objects.all().delete()
    migration = MigrationExecutor(connection).loader.get_migration("accounts", "0002_roles")
    state = MigrationExecutor(connection).loader.project_state([("accounts", "0002_roles")])

    with connection.schema_editor() as editor:
        migration.operations[0].database_forwards("accounts", editor, state, state)

    assert set(Group.objects.values_list("name", flat=True)) == set(ROLES)
    call_command("migrate", verbosity=0)  # Django adds the rest and doubles nothing
    assert Permission.objects.filter(codename="view_order").count() == 1


@pytest.mark.parametrize("role", ROLES)
def test_a_role_sees_its_pages_and_no_others(role: str) -> None:
    browser = operator_with(role)

    seen = {page for page in SEES if browser.get(reverse(f"admin:{page}_changelist")).status_code == 200}
    added = {page for page in ADDS if browser.get(reverse(f"admin:{page}_add")).status_code == 200}

    assert seen == {page for page, roles in SEES.items() if role in roles}
    assert added == {page for page, roles in ADDS.items() if role in roles}


@pytest.mark.parametrize("role", ROLES)
def test_only_support_freezes(alice: Member, role: str) -> None:
    act(operator_with(role), "accounts_user", "freeze", alice.id)

    assert services.get_member(user_id=alice.id).status == ("frozen" if role == "support" else "active")


def test_support_reaches_no_operator(olga: Member) -> None:
    act(operator_with("support"), "accounts_user", "freeze", olga.id)

    assert services.get_member(user_id=olga.id).status == "active"


@pytest.mark.parametrize("role", ROLES)
def test_no_role_gives_roles_or_takes_a_second_factor(olga: Member, role: str) -> None:
    browser = operator_with(role)

    act(browser, "accounts_user", "set_roles", olga.id, roles=["finance"])
    act(browser, "accounts_user", "remove_second_factor", olga.id)

    assert not User.objects.get(pk=olga.id).groups.exists()
    assert not AuditEntry.objects.filter(action="accounts.remove_second_factor").exists()


def test_a_superuser_gives_roles_and_it_is_written_down(operator_browser: Client) -> None:
    operator_with("editor")
    editor = User.objects.get(username="editor")

    act(operator_browser, "accounts_user", "set_roles", editor.pk, roles=["publisher", "finance"])

    assert set(editor.groups.values_list("name", flat=True)) == {"publisher", "finance"}
    entry = AuditEntry.objects.filter(action="accounts.set_roles").latest("id")
    assert (entry.before, entry.after) == ({"roles": ["editor"]}, {"roles": ["finance", "publisher"]})


def test_roles_are_for_operators_exist_and_have_a_reason(olga: Member) -> None:
    by: dict[str, Any] = {"actor": f"staff:{olga.id}", "now": clock.now()}
    with pytest.raises(OperatorNotFound):
        services.set_roles(user_id=member("alice").id, roles=("editor",), reason="r", **by)
    with pytest.raises(RoleNotKnown):
        services.set_roles(user_id=olga.id, roles=("king",), reason="r", **by)
    with pytest.raises(ReasonMissing):
        services.set_roles(user_id=olga.id, roles=("editor",), reason=" ", **by)


def test_roles_are_looked_at_and_not_edited(operator_browser: Client) -> None:
    group = Group.objects.get(name="finance")

    page = operator_browser.get(reverse("admin:accounts_role_change", args=[group.pk]))
    assert "orders.view_payment" in page.content.decode()
    changed = operator_browser.post(reverse("admin:accounts_role_change", args=[group.pk]), {"name": "x"})
    assert changed.status_code == 403


@pytest.mark.parametrize(("language", "word"), [("zh-hans", "角色"), ("en", "Roles")])
def test_operators_read_of_roles_and_not_of_groups(operator_browser: Client, language: str, word: str) -> None:
    index = operator_browser.get("/admin/", headers={"Accept-Language": language}).content.decode()

    assert f'<a href="{reverse("admin:accounts_role_changelist")}">{word}</a>' in index
    assert "/auth/group/" not in index


def test_a_member_has_no_admin(alice_browser: Client) -> None:
    assert alice_browser.get("/admin/").status_code == 302


def test_a_superuser_adds_an_operator_with_roles(operator_browser: Client) -> None:
    form = {"username": "nina", "password": "long enough it is", "roles": ["finance"], "reason": "new colleague"}

    short = operator_browser.post(reverse("admin:accounts_user_add"), {**form, "password": "short"})
    assert short.status_code == 200
    assert operator_browser.post(reverse("admin:accounts_user_add"), form).status_code == 302

    nina = User.objects.get(username="nina")
    assert (nina.is_staff, nina.is_superuser) == (True, False)
    assert nina.check_password("long enough it is")
    assert [group.name for group in nina.groups.all()] == ["finance"]
    assert AuditEntry.objects.get(action="accounts.create_operator", target_id=str(nina.pk)).reason == "new colleague"
    twice = operator_browser.post(reverse("admin:accounts_user_add"), form)
    assert twice.status_code == 200
    assert User.objects.filter(username="nina").count() == 1


@pytest.mark.parametrize("role", ROLES)
def test_no_role_adds_operators(role: str) -> None:
    assert operator_with(role).get(reverse("admin:accounts_user_add")).status_code == 403
