"""Who took part, what they drew, and whether it was handed over."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.kernel.models import Row
from apps.marketing.contracts import DeliveryState, FallbackReason, PrizeKind
from apps.marketing.models.campaigns import Activity, OddsVersion, Prize
from apps.marketing.models.members import member


class Participation(Row):
    """One member in one activity: draws so far, and the secret seed whose hash they have seen."""

    user = member()
    activity = models.ForeignKey(Activity, on_delete=models.PROTECT, related_name="+")
    drawn_total = models.PositiveIntegerField(default=0)
    drawn_day = models.PositiveIntegerField(default=0)
    day_on = models.DateField()
    drawn_month = models.PositiveIntegerField(default=0)
    month_on = models.DateField()
    # Hexadecimal. Revealed in the proofs of the next request, which replaces it.
    server_seed = models.CharField(max_length=64)
    nonce = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("participation")
        verbose_name_plural = _("participations")
        constraints = [
            models.UniqueConstraint(fields=["user", "activity"], name="marketing_participation_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.activity_id}"


class Draw(Row):
    """One draw with everything that recomputes it. Rows never change (trigger)."""

    user = member()
    activity = models.ForeignKey(
        Activity, verbose_name=_("activity"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    odds = models.ForeignKey(
        OddsVersion, verbose_name=_("odds version"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # The ledger transfer that took the chance; a request for ten takes ten chances in one transfer.
    chance = models.ForeignKey(
        "ledger.Transfer",
        verbose_name=_("transfer of the chance"),
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    request_id = models.CharField(_("request ID"), max_length=64)
    ordinal = models.PositiveSmallIntegerField(_("place in the request"))
    request_count = models.PositiveSmallIntegerField(_("draws in the request"))
    server_seed = models.CharField(_("server seed"), max_length=64)
    client_seed = models.CharField(_("client seed"), max_length=64, blank=True)
    nonce = models.PositiveIntegerField(_("nonce"))
    roll = models.PositiveIntegerField(_("roll"))
    rolled_prize = models.ForeignKey(
        Prize, verbose_name=_("rolled prize"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    prize = models.ForeignKey(Prize, verbose_name=_("prize given"), on_delete=models.PROTECT, related_name="+")
    fallback_reason = models.CharField(_("fallback reason"), max_length=10, choices=FallbackReason, blank=True)
    next_seed_hash = models.CharField(_("hash of the next seed"), max_length=64)

    class Meta:
        verbose_name = pgettext_lazy("model", "draw")
        verbose_name_plural = pgettext_lazy("model", "draws")
        constraints = [
            models.UniqueConstraint(fields=["user", "request_id", "ordinal"], name="marketing_draw_once_per_request"),
            models.UniqueConstraint(fields=["chance", "ordinal"], name="marketing_draw_once_per_chance"),
            models.UniqueConstraint(fields=["user", "activity", "nonce"], name="marketing_draw_nonce_once"),
            models.CheckConstraint(
                condition=Q(fallback_reason__in=["", *FallbackReason.values]),
                name="marketing_draw_fallback_reason_known",
            ),
            models.CheckConstraint(
                condition=Q(fallback_reason="", prize=F("rolled_prize")) | ~Q(fallback_reason=""),
                name="marketing_draw_prize_as_rolled",
            ),
            models.CheckConstraint(
                condition=Q(ordinal__lt=F("request_count")), name="marketing_draw_ordinal_in_request"
            ),
        ]
        indexes = [
            # A member's own history, newest first.
            models.Index(fields=["user", "-id"], name="marketing_draw_of_user"),
            # The winners' feed reads an activity's newest draws.
            models.Index(fields=["activity", "-id"], name="marketing_draw_of_activity"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Delivery(Row):
    """The work of handing one prize over. The ledger cause ("marketing.delivery", id) makes it happen once."""

    draw = models.ForeignKey(
        Draw, verbose_name=pgettext_lazy("model", "draw"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    user = member(db_index=True)
    kind = models.CharField(_("kind"), max_length=8, choices=PrizeKind)
    amount = models.PositiveBigIntegerField(_("amount"))
    state = models.CharField(_("state"), max_length=8, choices=DeliveryState, default=DeliveryState.PENDING)
    done_at = models.DateTimeField(_("delivered at"), null=True, blank=True)

    class Meta:
        verbose_name = _("prize delivery")
        verbose_name_plural = _("prize deliveries")
        permissions = [("replay_delivery", "Can replay prize deliveries")]
        constraints = [
            models.UniqueConstraint(fields=["draw"], name="marketing_delivery_once_per_draw"),
            models.CheckConstraint(condition=Q(kind__in=PrizeKind.values), name="marketing_delivery_kind_known"),
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
