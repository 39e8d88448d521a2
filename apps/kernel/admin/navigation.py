"""The admin's navigation: an operator's tasks, not a list of tables. Each page names its task."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Task(TextChoices):
    """What an operator comes to do, in the order of the day; the raw tables are SYSTEM."""

    TODAY = "today", pgettext_lazy("task", "Today")
    CHAT = "chat", pgettext_lazy("task", "Chat")
    ORDERS = "orders", pgettext_lazy("task", "Orders")
    MARKETING = "marketing", pgettext_lazy("task", "Marketing")
    MEMBERS = "members", _("Members")
    SYSTEM = "system", pgettext_lazy("task", "System")


def by_task(apps: Iterable[Mapping[str, Any]], pages: Mapping[Any, Any]) -> list[dict[str, Any]]:
    """Django's list of apps, which holds what this operator may see, by task; a task of which nothing is left is not.

    Inside a task pages stand in the order in which the apps register them, after what is to be first.
    """
    places = {model: (not getattr(page, "is_first", False), place) for place, (model, page) in enumerate(pages.items())}
    shown = sorted((row for app in apps for row in app["models"]), key=lambda row: places[row["model"]])
    tasks = [
        {
            "name": task.label,
            "app_label": task.value,
            "models": [row for row in shown if getattr(pages[row["model"]], "task", Task.SYSTEM) == task],
        }
        for task in Task
    ]
    return [task for task in tasks if task["models"]]
