"""The admin answers questions about what it shows: no page of it can be asked about a hidden column."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import flatten_fieldsets
from django.test import Client, RequestFactory
from django.urls import reverse

from apps.accounts import services
from apps.accounts.contracts import Member
from apps.accounts.models import User
from apps.kernel import clock
from apps.kernel.admin import OperatorAdmin
from tests.cast import browser_of

SITE: dict[Any, Any] = admin.site._registry
every_model = pytest.mark.parametrize("model", SITE, ids=lambda model: model._meta.label)
LOOKUPS = ("regex", "iregex", "contains", "startswith", "endswith", "gt", "lt", "in", "range", "length", "isnull")
# Shown under another name.
SHOWN_AS = {
    "account__owner": "account",
}


def request() -> Any:
    asked = RequestFactory().get("/")
    asked.user = User(is_staff=True, is_superuser=True)
    return asked


def address(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def paths(model: Any) -> Iterator[str]:
    """Every column of a table, and every column of those next to it."""
    for field in model._meta.get_fields():
        yield field.name
        if field.is_relation and field.related_model is not None:
            yield from (f"{field.name}__{column.name}" for column in field.related_model._meta.concrete_fields)


@every_model
def test_only_filters_and_ids_may_be_asked(model: Any) -> None:
    page = SITE[model]
    assert isinstance(page, OperatorAdmin)
    filters = {str(item) for item in page.list_filter}
    shown = filters | set(page.list_display)
    for path in paths(model):
        for how in LOOKUPS:
            if not (how == "isnull" and path in filters):
                assert not page.lookup_allowed(f"{path}__{how}", "x", request()), f"{path}__{how}"
        name, _, column = path.partition("__")
        is_id = name in ("id", "pk") or (column == "id" and name in shown)
        if not is_id and path not in filters and not (name in shown and not column):
            for how in ("", "__exact"):
                assert not page.lookup_allowed(f"{path}{how}", "x", request()), path


@every_model
def test_search_and_order_look_at_what_is_shown(model: Any) -> None:
    page = SITE[model]
    shown = {*page.list_display, *flatten_fieldsets(page.get_fieldsets(request(), model()))}
    orders = [getattr(getattr(page, str(name), None), "admin_order_field", None) for name in page.list_display]
    for name in [*page.search_fields, *filter(None, orders)]:
        column = name.lstrip("=^@").removesuffix("__exact").removesuffix("__id")
        assert {column, SHOWN_AS.get(column)} & {"id", *shown}, name


@pytest.mark.django_db
def test_support_learns_nothing_of_a_hidden_column(alice: Member, olga: Member) -> None:
    sam = services.create_operator(username="sam", password="a long demo password", roles=("support",), now=clock.now())
    browser = browser_of(sam.id)
    for path, query in (
        ("accounts_user", {"password__regex": "^md5"}),
        ("accounts_user", {"password__startswith": "x"}),
        ("accounts_user", {"groups__name": "support"}),
        ("accounts_membersession", {"user__password__regex": "^md5"}),
        ("accounts_membersession", {"key_hash__startswith": "0"}),
        ("chat_conversation", {"title__contains": "secret"}),
        ("chat_conversation", {"user__password__regex": "^md5"}),
    ):
        assert browser.get(reverse(f"admin:{path}_changelist"), query).status_code == 400, query
    for query in (
        {"status__exact": "active"},
        {"is_staff__exact": "1"},
        {"id__exact": str(alice.id)},
        {"o": "-99.x.1"},
    ):
        assert browser.get(reverse("admin:accounts_user_changelist"), query).status_code == 200, query


@pytest.mark.django_db
@every_model
def test_its_own_filters_go_on_working(model: Any, operator_browser: Client) -> None:
    page = SITE[model]
    answer = operator_browser.get(address(model))
    assert answer.status_code == 200
    changelist = answer.context["cl"]
    for spec in changelist.filter_specs:
        for choice in list(spec.choices(changelist))[:2]:
            assert operator_browser.get(address(model) + choice["query_string"]).status_code == 200
    if page.date_hierarchy:
        day = {f"{page.date_hierarchy}__{part}": str(number) for part, number in (("year", 2026), ("month", 11))}
        assert operator_browser.get(address(model), day).status_code == 200


@pytest.mark.django_db
def test_an_id_of_another_shape_is_no_failure(operator_browser: Client, alice: Member) -> None:
    users = address(User)
    assert operator_browser.get("/admin/r/1/1/").status_code == 404
    assert operator_browser.get(users, {"id__exact": "1"}, follow=True).status_code == 200
    assert operator_browser.get(f"{users}1/change/", follow=True).status_code == 200
    assert operator_browser.get(users, {"_to_field": "password", "_popup": "1"}).status_code == 400
    chosen = {"action": "freeze", ACTION_CHECKBOX_NAME: ["1"], "reason": "because"}
    assert operator_browser.post(users, chosen, follow=True).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("sign", ["\0", "a\0b"])
def test_what_no_database_takes_is_no_failure(operator_browser: Client, sign: str) -> None:
    """PostgreSQL looks for no NUL, whoever asks."""
    switch = reverse("admin:kernel_switch_changelist")
    for page, query in (
        (reverse("admin:kernel_auditentry_changelist"), {"action__exact": sign}),
        (reverse("admin:kernel_outboxdelivery_changelist"), {"state__exact": sign, "q": sign}),
        (switch, {"pk": sign}),
        (f"{switch}{sign}/change/", {}),
        (f"{switch}{sign}/history/", {}),
    ):
        assert operator_browser.get(page, query, follow=True).status_code == 200, page
    assert (
        operator_browser.post(
            switch, {"action": "turn_off", ACTION_CHECKBOX_NAME: [sign], "reason": "because"}, follow=True
        ).status_code
        == 200
    )
