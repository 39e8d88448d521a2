"""Drafts of odds, and their publication."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel import clock
from apps.kernel.admin import ConfigurationAdmin, SeenForm, Task, actor, reason_action
from apps.marketing.odds import rules, services
from apps.marketing.odds.contracts import OddsState, PrizeDraft
from apps.marketing.odds.models import OddsVersion, Prize


def _is_draft(obj: OddsVersion | None) -> bool:
    return obj is None or obj.state == OddsState.DRAFT


class PrizeForm(SeenForm, forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """One prize of a draft."""


class PrizeInline(admin.TabularInline):  # type: ignore[type-arg]  # not generic at run time
    """The prizes of a version, weight and percent side by side."""

    model = Prize
    form = PrizeForm
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
    task = Task.MARKETING
    is_first = True
    badges: ClassVar = {"state": {OddsState.DRAFT: "warn", OddsState.PUBLISHED: "ok"}}
    actors = ("published_by",)
    empty_text = gettext_lazy("There are no odds yet. Add a draft with its prizes, then publish it.")
    list_display = ("activity", "number", "state", "declared_total", "published_at", "published_by", "content_hash")
    list_filter = ("state", "activity")
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

    def save_model(self, request: HttpRequest, obj: OddsVersion, form: Any, change: bool) -> None:
        """Nothing yet: a draft and its prizes are saved as one."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the whole draft through the service; whether it can be published is asked at publication."""
        (formset,) = formsets
        formset.save(commit=False)  # the admin's history reads what it finds changed
        draft = form.instance
        draft.pk = services.save_draft(
            activity_id=draft.activity_id,
            version_id=draft.pk if change else None,
            declared_total=draft.declared_total,
            prizes=[_prize_draft(row.instance) for row in formset.forms if _is_kept(row, formset)],
            seen=[row.instance.pk for row in formset.initial_forms],
            **self.said(request, form),
        ).id

    @reason_action(description=gettext_lazy("Publish"), permission="marketing.publish_oddsversion", when=_is_draft)
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


def _is_kept(row: Any, formset: "BaseInlineFormSet[Prize, OddsVersion, Any]") -> bool:
    return row not in formset.deleted_forms and (row in formset.initial_forms or row.has_changed())


def _prize_draft(row: Prize) -> PrizeDraft:
    return PrizeDraft(
        position=row.position,
        title=row.title,
        kind=row.kind,
        weight=row.weight,
        amount=row.amount,
        is_fallback=row.is_fallback,
        stock_id=row.stock_id,
    )
