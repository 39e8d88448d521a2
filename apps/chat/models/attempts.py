"""How the channels were asked."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.chat.models.channels import ChannelKey
from apps.chat.models.generations import Generation
from apps.chat.models.routes import Route
from apps.chat.registries import AttemptPhase
from apps.kernel.models import Row


class Attempt(Row):
    """One time that a generation was asked at a route's channel, and what came of it. Only the last one is charged."""

    # Outcomes of an answer that came whole, and of one that nobody wanted more of.
    NO_FAILURES = ("", "stopped")

    generation = models.ForeignKey(
        Generation, verbose_name=_("generation"), on_delete=models.PROTECT, related_name="attempts", db_index=False
    )
    number = models.PositiveSmallIntegerField(_("number"))
    route = models.ForeignKey(Route, verbose_name=_("route"), on_delete=models.PROTECT, related_name="+")
    # NULL where a member's own key asked, which says nothing of the channel.
    key = models.ForeignKey(
        ChannelKey,
        verbose_name=_("channel key"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    phase = models.CharField(_("phase"), max_length=12, choices=AttemptPhase)
    # Empty when the answer came whole; "stopped" when nobody wanted more of it.
    code = models.CharField(_("outcome"), max_length=40, blank=True)
    first_word_ms = models.PositiveIntegerField(_("first word after (ms)"), null=True, blank=True)
    total_ms = models.PositiveIntegerField(_("took (ms)"))

    class Meta:
        verbose_name = _("attempt at an answer")
        verbose_name_plural = _("attempts at answers")
        indexes = [
            models.Index(fields=["id"], condition=~Q(code__in=("", "stopped")), name="chat_attempt_failed"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["generation", "number"], name="chat_attempt_numbered"),
            models.CheckConstraint(condition=Q(phase__in=AttemptPhase.values), name="chat_attempt_phase_known"),
        ]

    def __str__(self) -> str:
        return f"{self.generation_id} {self.number}: {self.code or 'whole'}"
