"""Activities, and where they are shown."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from apps.kernel import clock
from apps.kernel.admin import ConfigurationAdmin, Task, actor, reason_action
from apps.marketing.campaigns import services
from apps.marketing.campaigns.contracts import ActivityState, Limits
from apps.marketing.campaigns.models import Activity, Stage


def _is_live(row: Activity) -> bool:
    return row.state == ActivityState.LIVE


def _may_start(row: Activity) -> bool:
    return row.state in {ActivityState.DRAFT, ActivityState.PAUSED}


def _may_end(row: Activity) -> bool:
    return row.state != ActivityState.ENDED


@admin.register(Activity)
class ActivityAdmin(ConfigurationAdmin):
    """Campaigns. Their state changes by action, their odds by publication."""

    fields = (
        "code",
        "title",
        "subtitle",
        "starts_at",
        "ends_at",
        "time_zone",
        "limit_total",
        "limit_month",
        "limit_day",
        "reason",
    )
    task = Task.MARKETING
    is_first = True
    badges: ClassVar = {"state": {ActivityState.DRAFT: "warn", ActivityState.LIVE: "ok", ActivityState.PAUSED: "warn"}}
    empty_text = gettext_lazy("There is no activity yet. Add one with its time, then its odds, and put it on a stage.")
    list_display = ("title", "code", "state", "starts_at", "ends_at", "odds")
    list_filter = ("state",)
    ordering = ("-id",)
    actions = ("start", "pause", "end")

    def save_model(self, request: HttpRequest, obj: Activity, form: Any, change: bool) -> None:
        """Save through the service."""
        obj.pk = services.save_activity(
            code=obj.code,
            title=obj.title,
            subtitle=obj.subtitle,
            starts_at=obj.starts_at,
            ends_at=obj.ends_at,
            time_zone=obj.time_zone,
            limits=Limits(total=obj.limit_total, day=obj.limit_day, month=obj.limit_month),
            **self.said(request, form),
        ).id

    @reason_action(description=gettext_lazy("Start or resume"), permission="marketing.run_activity", when=_may_start)
    def start(self, request: HttpRequest, queryset: QuerySet[Activity], reason: str) -> None:
        """Open the chosen activities."""
        _set_state(request, queryset, ActivityState.LIVE, reason)

    @reason_action(description=gettext_lazy("Pause"), permission="marketing.run_activity", when=_is_live)
    def pause(self, request: HttpRequest, queryset: QuerySet[Activity], reason: str) -> None:
        """Stop draws for the time being."""
        _set_state(request, queryset, ActivityState.PAUSED, reason)

    @reason_action(description=gettext_lazy("End for ever"), permission="marketing.run_activity", when=_may_end)
    def end(self, request: HttpRequest, queryset: QuerySet[Activity], reason: str) -> None:
        """Close the chosen activities."""
        _set_state(request, queryset, ActivityState.ENDED, reason)


def _set_state(request: HttpRequest, queryset: QuerySet[Activity], state: ActivityState, reason: str) -> None:
    for pk in queryset.values_list("pk", flat=True):
        services.set_activity_state(activity_id=pk, state=state, actor=actor(request), reason=reason, now=clock.now())


@admin.register(Stage)
class StageAdmin(ConfigurationAdmin):
    """Which activity a front-end place shows."""

    fields = ("channel", "source", "activity", "reason")
    key_fields = ("channel", "source")
    task = Task.MARKETING
    empty_text = gettext_lazy("No place shows an activity. Add web and home for the welfare page.")
    list_display = ("channel", "source", "activity")
    ordering = ("channel", "source")

    def save_model(self, request: HttpRequest, obj: Stage, form: Any, change: bool) -> None:
        """Bind through the service."""
        services.bind_stage(
            channel=obj.channel, source=obj.source, activity_id=obj.activity_id, **self.said(request, form)
        )
        obj.pk = Stage.objects.get(channel=obj.channel, source=obj.source).pk
