"""Every draw: read-only."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel.admin import SHOWN, Happening, ReadOnlyAdmin, Task, link_to, tell
from apps.marketing.draws.contracts import FallbackReason
from apps.marketing.draws.models import Draw


def _of_member(request: HttpRequest, member: Any) -> Iterable[Happening]:
    for draw in Draw.objects.filter(user=member).select_related("prize").order_by("-pk")[:SHOWN]:
        yield _drawn(draw, link_to(request, Draw, draw.pk))


def _itself(request: HttpRequest, draw: Draw) -> Iterable[Happening]:
    yield _drawn(draw, "")


def _drawn(draw: Draw, address: str) -> Happening:
    return Happening(
        at=draw.created_at,
        title=_("Drew %(prize)s") % {"prize": draw.prize.title},
        detail=draw.get_fallback_reason_display(),
        address=address,
    )


tell("accounts.user", "marketing.view_draw", _of_member)
tell("marketing.draw", "marketing.view_draw", _itself)


@admin.register(Draw)
class DrawAdmin(ReadOnlyAdmin):
    """Every draw with what recomputes it."""

    task = Task.MARKETING
    badges: ClassVar = {"fallback_reason": {FallbackReason.SOLD_OUT: "warn"}}
    empty_text = gettext_lazy("Nobody has drawn yet. Members get chances by signing in, buying and exchanging points.")
    list_display = ("created_at", "user", "activity", "odds", "roll", "prize", "fallback_reason")
    list_filter = ("activity", "fallback_reason")
    search_fields = ("=id", "=user__id")
    ordering = ("-id",)
