"""Operators read Chinese: every name, column, field and choice of the admin has a Chinese label."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets, label_for_field
from django.test import RequestFactory
from django.utils import translation

from apps.accounts.models import User

SITE: dict[Any, Any] = admin.site._registry
# Who is called so in Chinese, too; a language is called as its readers call it.
NAMES = {"OpenAI", "DeepSeek", "Ollama", "English"}


def labels(page: Any) -> Iterator[Any]:
    """Everything that the pages of one model call it, its columns, its fields and their values."""
    request = RequestFactory().get("/")
    request.user = User(is_staff=True, is_superuser=True)
    model = page.model
    yield from (model._meta.verbose_name, model._meta.verbose_name_plural, model._meta.app_config.verbose_name)
    # Nobody sees the form of a row that nobody adds.
    for row in (None, model()) if page.has_add_permission(request) else (model(),):
        may_edit = row is None or page.has_change_permission(request, row)
        form = page.get_form(request, row).base_fields if may_edit else {}
        for name in [*flatten_fieldsets(page.get_fieldsets(request, row)), *page.list_display]:
            yield form[name].label if name in form else label_for_field(name, model, page)
    for inline in page.get_inline_instances(request):
        yield from (label_for_field(name, inline.model, inline) for name in inline.get_fields(request))
    for field in model._meta.fields:
        yield from (label for value, label in field.choices or () if value)


@pytest.mark.django_db  # one page asks whether its only row is there
@pytest.mark.parametrize("model", SITE, ids=lambda model: model._meta.label)
def test_every_label_is_chinese(model: Any) -> None:
    with translation.override("zh-hans"):
        said = {str(label) for label in labels(SITE[model])} - NAMES
        unread = [label for label in said if not any("一" <= sign <= "鿿" for sign in label)]

    assert unread == []
