"""Activities, their odds, prizes and stocks, and where they are shown."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.kernel.models import Row
from apps.marketing.contracts import ActivityState, OddsState, PrizeKind


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


class OddsVersion(Row):
    """One version of an activity's odds. A draft changes freely; published content never does (trigger)."""

    activity = models.ForeignKey(
        Activity, verbose_name=_("activity"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    number = models.PositiveIntegerField(_("version number"))
    state = models.CharField(_("state"), max_length=10, choices=OddsState, default=OddsState.DRAFT)
    declared_total = models.PositiveIntegerField(_("declared total weight"))
    content_hash = models.CharField(_("content hash"), max_length=64, blank=True)
    published_at = models.DateTimeField(_("published at"), null=True, blank=True)
    published_by = models.CharField(_("published by"), max_length=80, blank=True)

    class Meta:
        verbose_name = _("odds version")
        verbose_name_plural = _("odds versions")
        permissions = [("publish_oddsversion", "Can publish odds")]
        constraints = [
            models.UniqueConstraint(fields=["activity", "number"], name="marketing_oddsversion_number_once"),
            models.UniqueConstraint(
                fields=["activity"], condition=Q(state=OddsState.PUBLISHED), name="marketing_oddsversion_one_published"
            ),
            models.CheckConstraint(condition=Q(state__in=OddsState.values), name="marketing_oddsversion_state_known"),
            models.CheckConstraint(
                condition=Q(state=OddsState.DRAFT, published_at=None, content_hash="")
                | (~Q(state=OddsState.DRAFT) & Q(published_at__isnull=False) & ~Q(content_hash="")),
                name="marketing_oddsversion_published_at_matches_state",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number}"


class PrizeStock(Row):
    """How many of something an activity may give out; `issued` moves by conditional UPDATE only."""

    activity = models.ForeignKey(
        Activity, verbose_name=_("activity"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    code = models.SlugField(_("code"), max_length=40)
    total = models.PositiveIntegerField(_("total stock"))
    issued = models.PositiveIntegerField(_("issued"), default=0)

    class Meta:
        verbose_name = _("prize stock")
        verbose_name_plural = _("prize stocks")
        permissions = [("correct_prizestock", "Can correct stock")]
        constraints = [
            models.UniqueConstraint(fields=["activity", "code"], name="marketing_prizestock_code_once"),
            models.CheckConstraint(condition=Q(issued__lte=F("total")), name="marketing_prizestock_not_oversold"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.issued}/{self.total}"


class Prize(Row):
    """One prize of an odds version. Amount: milli-credits or points. Weight: its share of the declared total."""

    odds = models.ForeignKey(
        OddsVersion, verbose_name=_("odds version"), on_delete=models.CASCADE, related_name="prizes", db_index=False
    )
    position = models.PositiveSmallIntegerField(_("position"))
    title = models.CharField(_("title"), max_length=40)
    kind = models.CharField(_("kind"), max_length=8, choices=PrizeKind)
    amount = models.PositiveBigIntegerField(_("amount"), default=0)
    weight = models.PositiveIntegerField(_("weight"))
    is_fallback = models.BooleanField(_("fallback"), default=False)
    stock = models.ForeignKey(
        PrizeStock, verbose_name=_("stock"), on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    class Meta:
        verbose_name = _("prize")
        verbose_name_plural = _("prizes")
        constraints = [
            models.UniqueConstraint(fields=["odds", "position"], name="marketing_prize_position_once"),
            models.UniqueConstraint(
                fields=["odds"], condition=Q(is_fallback=True), name="marketing_prize_one_fallback"
            ),
            models.CheckConstraint(condition=Q(kind__in=PrizeKind.values), name="marketing_prize_kind_known"),
            models.CheckConstraint(condition=Q(position__lte=7), name="marketing_prize_position_on_the_grid"),
            models.CheckConstraint(condition=Q(weight__gte=1), name="marketing_prize_weight_positive"),
            models.CheckConstraint(
                condition=Q(kind=PrizeKind.NOTHING, amount=0) | (~Q(kind=PrizeKind.NOTHING) & Q(amount__gte=1)),
                name="marketing_prize_amount_matches_kind",
            ),
            models.CheckConstraint(
                condition=Q(is_fallback=False) | Q(stock=None), name="marketing_prize_fallback_unlimited"
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
