"""How operators are shown what came of a test of a channel."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.chat import errors
from apps.chat.services.steering import KeyTried
from apps.kernel.admin import ACT, name_codes

name_codes(
    ACT,
    {
        "chat.forget_failures": gettext_lazy("Forgot a channel's failures"),
        "chat.try_channel": gettext_lazy("Tested a channel"),
        "chat.wake_key": gettext_lazy("Woke a channel key"),
    }.get,
)


def only_one(rows: QuerySet[Any]) -> UUID:
    """The id of the one that was chosen. Raises TriedTogether."""
    ids = list(rows.values_list("pk", flat=True)[:2])
    if len(ids) != 1:
        raise errors.TriedTogether
    chosen: UUID = ids[0]
    return chosen


def show_trials(page: Any, request: HttpRequest, tried: Iterable[KeyTried]) -> None:
    """A line for each key."""
    for each in tried:
        trial = each.trial
        facts = {
            "key": each.key,
            "model": each.upstream_model,
            "ms": trial.total_ms,
            "first": trial.first_word_ms,
            "phase": trial.phase.label,
            "code": trial.code,
            "words": trial.words,
        }
        if not trial.code:
            line = _("Key %(key)s, %(model)s: answered in %(ms)s ms, first word after %(first)s ms: “%(words)s”")
        elif trial.words:
            line = _("Key %(key)s, %(model)s: %(code)s (%(phase)s) after %(ms)s ms, having said “%(words)s”")
        else:
            line = _("Key %(key)s, %(model)s: %(code)s (%(phase)s) after %(ms)s ms")
        page.message_user(request, line % facts, messages.ERROR if trial.code else messages.SUCCESS)
