"""What answers took and cost, and what routes cost us: enough to tell what is earned, not what was said."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.chat import services
from apps.chat.contracts import UpstreamCost, UsageBasis
from apps.chat.models import AnswerUsage, Route, RouteCost
from apps.kernel.admin import SHOWN, Happening, ReadOnlyAdmin, Task, tell


class CostFields(forms.Form):
    """What a route costs us, on its page: none of them says nothing, one alone leaves the others 0."""

    input_microyuan = forms.IntegerField(
        required=False, min_value=0, label=gettext_lazy("a thousand tokens of input (millionths of a yuan)")
    )
    cached_microyuan = forms.IntegerField(
        required=False, min_value=0, label=gettext_lazy("a thousand cached tokens of input (millionths of a yuan)")
    )
    output_microyuan = forms.IntegerField(
        required=False, min_value=0, label=gettext_lazy("a thousand tokens of output (millionths of a yuan)")
    )
    image_microyuan = forms.IntegerField(
        required=False, min_value=0, label=gettext_lazy("an image (millionths of a yuan)")
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        if (route := options.get("instance")) is not None and (last := _versions_of(route).first()) is not None:
            options["initial"] = {**asdict(last.terms), **(options.get("initial") or {})}
        super().__init__(*args, **options)


def save_cost(route: Route, form: Any, **said: Any) -> None:
    """Save what was entered on a route's page, if anything was."""
    entered = {field.name: form.cleaned_data.get(field.name) for field in fields(UpstreamCost)}
    if any(value is not None for value in entered.values()):
        cost = UpstreamCost(**{name: value or 0 for name, value in entered.items()})
        services.save_route_cost(model_code=route.model.code, channel_code=route.channel.code, cost=cost, **said)


def _versions_of(route: Any) -> QuerySet[RouteCost]:
    return RouteCost.objects.filter(route=route).order_by("-number")


def _costs(request: HttpRequest, route: Any) -> Iterable[Happening]:
    """Every version of what a route costs us; who said so and why, the entry beside it says."""
    costs = list(_versions_of(route)[:SHOWN])
    for cost in costs:
        is_present = cost is costs[0]
        title = _("Cost %(code)s, in force") if is_present else _("Cost %(code)s")
        yield Happening(
            at=cost.created_at,
            title=title % {"code": cost.code},
            detail=_("%(input)s / %(cached)s / %(output)s millionths of a yuan per 1,000 tokens, %(image)s per image")
            % {
                "input": cost.input_microyuan,
                "cached": cost.cached_microyuan,
                "output": cost.output_microyuan,
                "image": cost.image_microyuan,
            },
            tone="jade" if is_present else "",
        )


tell("chat.route", "chat.view_route", _costs)


@admin.register(AnswerUsage)
class AnswerUsageAdmin(ReadOnlyAdmin):
    """A line for each settled answer: its tokens, its time, what it was charged and what it cost us."""

    task = Task.CHAT
    badges: ClassVar = {"basis": {UsageBasis.COUNTED: "", UsageBasis.DOUBTED: "warn"}}
    empty_text = gettext_lazy("Every answer will stand here with what it took and what it cost us.")
    list_display = (
        "created_at",
        "model",
        "route",
        "input_tokens",
        "output_tokens",
        "charged_milli",
        "cost_microyuan",
        "basis",
    )
    list_filter = ("basis", "model", "route")
    search_fields = ("=generation__id",)
