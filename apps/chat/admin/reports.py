"""What members report: a queue with deadlines; the text is read only by who has said why."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.chat import services
from apps.chat.models import Report, Reveal
from apps.chat.rules.reports import MAX_RESULT, STATES, ReportState
from apps.kernel import clock
from apps.kernel.admin import ACT, ReadOnlyAdmin, ReasonForm, Task, actor, name_codes, reason_action

name_codes(
    ACT,
    {
        "chat.reveal_report": gettext_lazy("Read a reported answer"),
        "chat.decide_report": gettext_lazy("Decided a report"),
    }.get,
)


def _is_open(row: Report) -> bool:
    return row.state == ReportState.OPEN.value


class DecisionForm(ReasonForm):
    """What is decided, and what the member is told."""

    state = forms.ChoiceField(
        label=gettext_lazy("Decision"),
        choices=[(state.value, gettext_lazy(text)) for state, text in STATES.items() if state is not ReportState.OPEN],
    )
    result = forms.CharField(
        label=gettext_lazy("What the member is told"), max_length=MAX_RESULT, widget=forms.Textarea(attrs={"rows": 3})
    )


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    """Reports, the most urgent first."""

    task = Task.TODAY
    badges: ClassVar = {
        "state": {
            ReportState.OPEN.value: "warn",
            ReportState.UPHELD.value: "bad",
            ReportState.DISMISSED.value: "ok",
        }
    }
    actors = ("decided_by",)
    list_display = ("due_at", "lateness", "reason", "state", "user", "decided_by", "decided_at")
    list_filter = ("state", "reason")
    search_fields = ("=id", "=user__id", "=generation__id")
    fields = (
        *("user", "generation", "reason", "note", "state", "due_at", "lateness", "answer"),
        *("result", "decided_by", "decided_at", "created_at"),
    )
    empty_text = gettext_lazy("What members say about answers stands here, with the time until which they hear of it.")
    actions = ("reveal", "decide")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        """What waits, the next deadline first; then what is decided."""
        reports: QuerySet[Report] = super().get_queryset(request)
        return reports.order_by(F("decided_at").desc(nulls_first=True), "due_at")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """With the name of who reads it, if that is somebody who may read the answer."""
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            found.reader = actor(request) if request.user.has_perm("chat.reveal_report") else ""
        return found

    @admin.display(description=gettext_lazy("late"))
    def lateness(self, row: Report) -> str:
        """Whether its time is over."""
        at = row.decided_at or clock.now()
        return _("late") if at > row.due_at else _("in time")

    @admin.display(description=gettext_lazy("reported answer"))
    def answer(self, row: Any) -> Any:
        """The texts, for who has said why within the last quarter of an hour."""
        found = services.revealed_answer(report_id=row.pk, actor=row.reader, now=clock.now())
        if found is None:
            return _("Not shown: say first why you have to read it.")
        parts = [(_("The question"), found.question), (_("Thoughts"), found.reasoning), (_("The answer"), found.text)]
        if not any(text for _name, text in parts):
            return _("Its member has erased it.")
        return format_html_join("", '<h3>{}</h3><pre class="revealed">{}</pre>', [part for part in parts if part[1]])

    @reason_action(description=gettext_lazy("Read the answer"), permission="chat.reveal_report")
    def reveal(self, request: HttpRequest, queryset: QuerySet[Report], reason: str) -> None:
        """Show the chosen answers to this operator for a while."""
        for pk in queryset.values_list("pk", flat=True):
            services.reveal_report(report_id=pk, actor=actor(request), reason=reason, now=clock.now())

    @reason_action(
        description=gettext_lazy("Decide"), permission="chat.decide_report", form=DecisionForm, when=_is_open
    )
    def decide(self, request: HttpRequest, queryset: QuerySet[Report], reason: str, state: str, result: str) -> None:
        """Decide each of the chosen reports, and tell its member."""
        for pk in queryset.values_list("pk", flat=True):
            services.decide_report(
                report_id=pk,
                state=ReportState(state),
                result=result,
                actor=actor(request),
                reason=reason,
                now=clock.now(),
            )


@admin.register(Reveal)
class RevealAdmin(ReadOnlyAdmin):
    """Who looked at which reported answer; why, the trail says."""

    task = Task.CHAT
    actors = ("by",)
    list_display = ("created_at", "by", "report")
    empty_text = gettext_lazy("Whoever reads a reported answer stands here.")
