"""What operators gave or took by hand, so that no incident is repaired in SQL."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.kernel.models import Row
from apps.marketing.adjustments.contracts import AdjustedAsset
from apps.marketing.seats.models import activity_of_chances, member


class Adjustment(Row):
    """One amount given to a member, or taken (negative), by an operator. Rows never change (trigger)."""

    user = member(db_index=True)
    asset = models.CharField(_("what"), max_length=8, choices=AdjustedAsset)
    activity = activity_of_chances()
    amount = models.BigIntegerField(
        _("amount"), help_text=_("Quota in thousandths of a credit (1000 = one credit); a negative amount is taken.")
    )
    incident = models.CharField(
        _("cause"),
        max_length=120,
        help_text=_("What happened, so that it can be found: an order, a draw, a complaint."),
    )
    reason = models.CharField(_("reason"), max_length=300)
    request_id = models.CharField(max_length=64)
    created_by = models.CharField(_("operator"), max_length=80, editable=False)
    # The kernel's proposal that a second person approved; none below the limits.
    proposal_id = models.UUIDField(_("proposal"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("adjustment")
        verbose_name_plural = _("adjustments")
        permissions = [("approve_adjustment", "Can approve what another operator gives or takes")]
        constraints = [
            models.CheckConstraint(
                condition=Q(asset__in=AdjustedAsset.values), name="marketing_adjustment_asset_known"
            ),
            models.CheckConstraint(condition=~Q(amount=0), name="marketing_adjustment_moves_something"),
            models.CheckConstraint(
                condition=Q(asset=AdjustedAsset.CHANCES, activity__isnull=False)
                | (~Q(asset=AdjustedAsset.CHANCES) & Q(activity=None)),
                name="marketing_adjustment_chances_have_activity",
            ),
            models.UniqueConstraint(fields=["request_id"], name="marketing_adjustment_once_per_request"),
            models.UniqueConstraint(fields=["proposal_id"], name="marketing_adjustment_once_per_proposal"),
        ]

    def __str__(self) -> str:
        return f"{self.amount:+} {self.asset}"
