"""The stock of prizes, and the work of handing them over."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.kernel.models import Row
from apps.kernel.registries import CodeField, code_constraint
from apps.marketing.campaigns.models import Activity
from apps.marketing.prizes.contracts import DeliveryState
from apps.marketing.prizes.registries import PRIZES
from apps.marketing.seats.models import member


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


class Delivery(Row):
    """The work of handing one prize over. The ledger cause ("marketing.delivery", id) makes it happen once."""

    # By name: draws are a room above.
    draw = models.ForeignKey(
        "Draw", verbose_name=pgettext_lazy("model", "draw"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    user = member(db_index=True)
    kind = CodeField(_("kind"), registry=PRIZES)
    amount = models.PositiveBigIntegerField(_("amount"))
    state = models.CharField(_("state"), max_length=8, choices=DeliveryState, default=DeliveryState.PENDING)
    done_at = models.DateTimeField(_("delivered at"), null=True, blank=True)

    class Meta:
        verbose_name = _("prize delivery")
        verbose_name_plural = _("prize deliveries")
        permissions = [("replay_delivery", "Can replay prize deliveries")]
        constraints = [
            models.UniqueConstraint(fields=["draw"], name="marketing_delivery_once_per_draw"),
            code_constraint("marketing_delivery", "kind"),
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="marketing_delivery_state_known"),
            models.CheckConstraint(
                condition=Q(state=DeliveryState.DONE, done_at__isnull=False)
                | (~Q(state=DeliveryState.DONE) & Q(done_at=None)),
                name="marketing_delivery_done_at_matches_state",
            ),
        ]
        indexes = [
            # The audit asks only for what is still owed.
            models.Index(
                fields=["created_at"], condition=Q(state=DeliveryState.PENDING), name="marketing_delivery_owed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"
