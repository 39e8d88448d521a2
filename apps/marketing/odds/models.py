"""The odds of activities, version by version, and the prizes in them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.kernel.models import Row
from apps.kernel.registries import CodeField, code_constraint
from apps.marketing.campaigns.models import Activity
from apps.marketing.odds.contracts import OddsState
from apps.marketing.prizes.contracts import NOTHING
from apps.marketing.prizes.models import PrizeStock
from apps.marketing.prizes.registries import PRIZES


class OddsVersion(Row):
    """One version of an activity's odds. A draft changes freely; published content never does (trigger)."""

    activity = models.ForeignKey(
        Activity, verbose_name=_("activity"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    number = models.PositiveIntegerField(_("version number"))
    state = models.CharField(_("state"), max_length=10, choices=OddsState, default=OddsState.DRAFT)
    declared_total = models.PositiveIntegerField(_("declared total weight"))
    # The published text itself: what it is made from may get new fields, what was hashed may not.
    content = models.TextField(_("content"), blank=True)
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
            models.CheckConstraint(
                condition=Q(state=OddsState.DRAFT, content="") | (~Q(state=OddsState.DRAFT) & ~Q(content="")),
                name="marketing_oddsversion_content_matches_state",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number}"


class Prize(Row):
    """One prize of an odds version. Amount: in the unit of its kind. Weight: its share of the declared total."""

    odds = models.ForeignKey(
        OddsVersion, verbose_name=_("odds version"), on_delete=models.CASCADE, related_name="prizes", db_index=False
    )
    position = models.PositiveSmallIntegerField(_("position"))
    title = models.CharField(_("title"), max_length=40)
    kind = CodeField(_("kind"), registry=PRIZES)
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
            code_constraint("marketing_prize", "kind"),
            models.CheckConstraint(condition=Q(position__lte=7), name="marketing_prize_position_on_the_grid"),
            models.CheckConstraint(condition=Q(weight__gte=1), name="marketing_prize_weight_positive"),
            models.CheckConstraint(
                condition=Q(kind=NOTHING, amount=0) | (~Q(kind=NOTHING) & Q(amount__gte=1)),
                name="marketing_prize_amount_matches_kind",
            ),
            models.CheckConstraint(
                condition=Q(is_fallback=False) | Q(stock=None), name="marketing_prize_fallback_unlimited"
            ),
        ]

    def __str__(self) -> str:
        return self.title
