"""Moments in forms: Django writes them as two boxes, a date and a time."""

from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime
from django.utils.translation import gettext as _


def name_boxes(fields: dict[str, Any]) -> None:
    """Call each box by its field and what it takes; the words that Django writes beside them name nothing."""
    for field in fields.values():
        if isinstance(field, forms.SplitDateTimeField) and isinstance(field.widget, AdminSplitDateTime):
            day, time = field.widget.widgets
            day.attrs["aria-label"] = _("{field}, date").format(field=field.label)
            time.attrs["aria-label"] = _("{field}, time").format(field=field.label)
