"""What members report, and who has seen it."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.chat.models.generations import Generation
from apps.chat.rules.reports import MAX_NOTE, MAX_RESULT, REASONS, STATES, ReportState
from apps.kernel.models import Row


class Report(Row):
    """What a member says about one of their answers; nobody else sees answers, so each has one at most."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("member"), on_delete=models.PROTECT, related_name="+"
    )
    generation = models.OneToOneField(
        Generation, verbose_name=_("generation"), on_delete=models.PROTECT, related_name="report"
    )
    reason = models.CharField(
        _("what is wrong"), max_length=12, choices=[(code.value, _(text)) for code, text in REASONS.items()]
    )
    note = models.CharField(_("note"), max_length=MAX_NOTE, blank=True)
    state = models.CharField(
        _("state"),
        max_length=12,
        choices=[(code.value, _(text)) for code, text in STATES.items()],
        default=ReportState.OPEN.value,
    )
    due_at = models.DateTimeField(_("answer until"))
    # What the member is told.
    result = models.CharField(_("result"), max_length=MAX_RESULT, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=64, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        permissions = [
            ("reveal_report", "Can read a reported answer"),
            ("decide_report", "Can decide a report"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(reason__in=[code.value for code in REASONS]), name="chat_report_reason_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[code.value for code in STATES]), name="chat_report_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state=ReportState.OPEN.value, decided_at=None, decided_by="", result="")
                | (
                    Q(
                        state__in=[code.value for code in STATES if code is not ReportState.OPEN],
                        decided_at__isnull=False,
                    )
                    & ~Q(decided_by="")
                ),
                name="chat_report_decided_or_open",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state=ReportState.OPEN.value), name="chat_report_waiting"),
            # As operators read them: what waits, the next deadline first; then what is decided. (SQLite sorts those.)
            models.Index(fields=["-decided_at", "due_at"], name="chat_report_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} · {timezone.localtime(self.due_at):%Y-%m-%d %H:%M}"


class Reveal(Row):
    """That an operator looked at a reported answer; why, the trail says."""

    report = models.ForeignKey(Report, verbose_name=_("report"), on_delete=models.PROTECT, related_name="reveals")
    by = models.CharField(_("looked at by"), max_length=64)

    class Meta:
        verbose_name = _("look at a reported answer")
        verbose_name_plural = _("looks at reported answers")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)
