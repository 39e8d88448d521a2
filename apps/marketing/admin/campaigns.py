"""Activities, their odds and stocks, and where they are shown."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel import audit, clock
from apps.kernel.admin import actor, reason_action
from apps.marketing import errors, rules, services
from apps.marketing.admin.configuration import ConfigurationAdmin
from apps.marketing.contracts import ActivityState, Limits, OddsState
from apps.marketing.models import Activity, OddsVersion, Prize, PrizeStock, Stage


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
    list_display = ("title", "code", "state", "starts_at", "ends_at", "odds")
    list_filter = ("state",)
    list_select_related = ("odds",)
    ordering = ("-id",)
    actions = ("start", "pause", "end")

    def save_model(self, request: HttpRequest, obj: Activity, form: Any, change: bool) -> None:  # noqa: FBT001
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

    @reason_action(description=gettext_lazy("Start or resume"), permission="marketing.run_activity")
    def start(self, request: HttpRequest, queryset: QuerySet[Activity], reason: str) -> None:
        """Open the chosen activities."""
        _set_state(request, queryset, ActivityState.LIVE, reason)

    @reason_action(description=gettext_lazy("Pause"), permission="marketing.run_activity")
    def pause(self, request: HttpRequest, queryset: QuerySet[Activity], reason: str) -> None:
        """Stop draws for the time being."""
        _set_state(request, queryset, ActivityState.PAUSED, reason)

    @reason_action(description=gettext_lazy("End for ever"), permission="marketing.run_activity")
    def end(self, request: HttpRequest, queryset: QuerySet[Activity], reason: str) -> None:
        """Close the chosen activities."""
        _set_state(request, queryset, ActivityState.ENDED, reason)


def _set_state(request: HttpRequest, queryset: QuerySet[Activity], state: ActivityState, reason: str) -> None:
    for pk in queryset.values_list("pk", flat=True):
        services.set_activity_state(activity_id=pk, state=state, actor=actor(request), reason=reason, now=clock.now())


class PrizeInline(admin.TabularInline):  # type: ignore[type-arg]  # not generic at run time
    """The prizes of a version, weight and percent side by side."""

    model = Prize
    fields = ("position", "title", "kind", "amount", "weight", "percent", "is_fallback", "stock")
    readonly_fields = ("percent",)
    ordering = ("position",)
    extra = 0
    max_num = len(rules.POSITIONS)

    @admin.display(description=gettext_lazy("Percent"))
    def percent(self, row: Prize) -> str:
        """The share of the declared total."""
        if row._state.adding:
            return "–"
        return f"{rules.percent(row.weight, row.odds.declared_total)} %"

    def has_add_permission(self, request: HttpRequest, obj: OddsVersion | None = None) -> bool:
        """While it is a draft."""
        return _is_draft(obj) and request.user.has_perm("marketing.change_oddsversion")

    def has_change_permission(self, request: HttpRequest, obj: OddsVersion | None = None) -> bool:
        """While it is a draft."""
        return self.has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: OddsVersion | None = None) -> bool:
        """While it is a draft."""
        return self.has_add_permission(request, obj)


@admin.register(OddsVersion)
class OddsVersionAdmin(ConfigurationAdmin):
    """Drafts are edited, checked and published here; what is published can only be read and cloned."""

    fields = ("activity", "declared_total", "reason")
    key_fields = ("activity",)
    inlines = (PrizeInline,)
    list_display = ("activity", "number", "state", "declared_total", "published_at", "published_by", "content_hash")
    list_filter = ("state", "activity")
    list_select_related = ("activity",)
    ordering = ("-id",)
    actions = ("publish", "clone")

    def get_fields(self, request: HttpRequest, obj: OddsVersion | None = None) -> tuple[str, ...]:
        """A published version also shows its fingerprint."""
        if _is_draft(obj):
            return self.fields
        return ("activity", "number", "state", "declared_total", "published_at", "published_by", "content_hash")

    def has_change_permission(self, request: HttpRequest, obj: OddsVersion | None = None) -> bool:
        """While it is a draft."""
        return _is_draft(obj) and super().has_change_permission(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: OddsVersion | None = None) -> bool:
        """Published versions stay readable for those who may edit drafts."""
        return super().has_view_permission(request, obj) or request.user.has_perm("marketing.change_oddsversion")

    def save_model(self, request: HttpRequest, obj: OddsVersion, form: Any, change: bool) -> None:  # noqa: FBT001
        """A new draft gets its number from the service; an old one takes another total."""
        if not change:
            made = services.new_draft(
                activity_id=obj.activity_id, declared_total=obj.declared_total, **self.said(request, form)
            )
            obj.pk = made.id
            obj.refresh_from_db()
            return
        obj.save(update_fields=["declared_total"])
        said = self.said(request, form)
        audit.record(
            action="marketing.edit_draft",
            target=("odds_version", str(obj.pk)),
            after={"declared_total": obj.declared_total},
            **said,
        )

    def save_formset(
        self,
        request: HttpRequest,
        form: Any,
        formset: "BaseInlineFormSet[Prize, OddsVersion, Any]",
        change: bool,  # noqa: FBT001
    ) -> None:
        """A draft's prizes change freely; whether they can be published is asked at publication.

        Raises OddsFallbackAmbiguous, which no row can see for itself and the database does not take.
        """
        kept = [row.instance for row in formset.forms if row not in formset.deleted_forms]
        if sum(prize.is_fallback for prize in kept) > 1:
            raise errors.OddsFallbackAmbiguous
        for prize in formset.save(commit=False):
            is_new = prize._state.adding
            if is_new:
                prize.created_at = clock.now()
            prize.save(force_insert=is_new, update_fields=None if is_new else _PRIZE_COLUMNS)
        for prize in formset.deleted_objects:
            prize.delete()

    @reason_action(description=gettext_lazy("Publish"), permission="marketing.publish_oddsversion")
    def publish(self, request: HttpRequest, queryset: QuerySet[OddsVersion], reason: str) -> None:
        """Check the chosen drafts and let their activities draw by them from now on."""
        for pk in queryset.values_list("pk", flat=True):
            made = services.publish_odds(version_id=pk, actor=actor(request), reason=reason, now=clock.now())
            self.message_user(request, _("Version %(number)d is published.") % {"number": made.number})

    @reason_action(description=gettext_lazy("Clone as a new draft"), permission="marketing.add_oddsversion")
    def clone(self, request: HttpRequest, queryset: QuerySet[OddsVersion], reason: str) -> None:
        """Make a draft that can be edited from each chosen version."""
        for pk in queryset.values_list("pk", flat=True):
            made = services.clone_odds(version_id=pk, actor=actor(request), reason=reason, now=clock.now())
            self.message_user(request, _("Version %(number)d is a new draft.") % {"number": made.number})


_PRIZE_COLUMNS = ["position", "title", "kind", "amount", "weight", "is_fallback", "stock"]


def _is_draft(obj: OddsVersion | None) -> bool:
    return obj is None or obj.state == OddsState.DRAFT


@admin.register(PrizeStock)
class PrizeStockAdmin(ConfigurationAdmin):
    """Stocks; what was issued moves by draws alone."""

    fields = ("activity", "code", "total", "reason")
    key_fields = ("activity", "code")
    list_display = ("activity", "code", "issued", "total")
    list_select_related = ("activity",)
    ordering = ("-id",)

    def save_model(self, request: HttpRequest, obj: PrizeStock, form: Any, change: bool) -> None:  # noqa: FBT001
        """Create or correct through the services."""
        said = self.said(request, form)
        if change:
            services.correct_stock(stock_id=obj.pk, total=obj.total, **said)
            return
        obj.pk = services.save_stock(activity_id=obj.activity_id, code=obj.code, total=obj.total, **said).id


@admin.register(Stage)
class StageAdmin(ConfigurationAdmin):
    """Which activity a front-end place shows."""

    fields = ("channel", "source", "activity", "reason")
    key_fields = ("channel", "source")
    list_display = ("channel", "source", "activity")
    list_select_related = ("activity",)
    ordering = ("channel", "source")

    def save_model(self, request: HttpRequest, obj: Stage, form: Any, change: bool) -> None:  # noqa: FBT001
        """Bind through the service."""
        services.bind_stage(
            channel=obj.channel, source=obj.source, activity_id=obj.activity_id, **self.said(request, form)
        )
        obj.pk = Stage.objects.get(channel=obj.channel, source=obj.source).pk
