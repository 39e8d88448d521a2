"""Activities, and where they are shown."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.kernel.models import Row
from apps.marketing.campaigns.contracts import ActivityState


class Activity(Row):
    """A campaign: when it runs, how often a member may draw, and by which odds."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    title = models.CharField(_("title"), max_length=60)
    subtitle = models.CharField(_("subtitle"), max_length=120, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=ActivityState, default=ActivityState.DRAFT)
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    time_zone = models.CharField(_("time zone"), max_length=40)
    # NULL is no limit. Days and months are those of the activity's time zone.
    limit_total = models.PositiveIntegerField(_("draws per member"), null=True, blank=True)
    limit_day = models.PositiveIntegerField(_("draws per member and day"), null=True, blank=True)
    limit_month = models.PositiveIntegerField(_("draws per member and month"), null=True, blank=True)
    # By name: odds are the room above.
    odds = models.ForeignKey(
        "OddsVersion", verbose_name=_("odds version"), on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    class Meta:
        verbose_name = _("activity")
        verbose_name_plural = _("activities")
        permissions = [("run_activity", "Can start, pause and end activities")]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ActivityState.values), name="marketing_activity_state_known"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="marketing_activity_ends_after_start"),
            models.CheckConstraint(
                condition=~Q(state=ActivityState.LIVE) | Q(odds__isnull=False), name="marketing_activity_live_has_odds"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Stage(Row):
    """Which activity a front-end place shows."""

    channel = models.SlugField(_("channel"), max_length=40)
    source = models.SlugField(_("source"), max_length=40)
    activity = models.ForeignKey(Activity, verbose_name=_("activity"), on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("stage")
        verbose_name_plural = _("stages")
        constraints = [
            models.UniqueConstraint(fields=["channel", "source"], name="marketing_stage_place_once"),
        ]

    def __str__(self) -> str:
        return f"{self.channel}/{self.source}"
