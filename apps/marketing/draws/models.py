"""What was drawn, with everything that recomputes it."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.kernel.models import Row
from apps.marketing.campaigns.models import Activity
from apps.marketing.draws.contracts import FallbackReason
from apps.marketing.odds.models import OddsVersion, Prize
from apps.marketing.seats.models import member, person


class Draw(Row):
    """One draw with everything that recomputes it. Rows never change (trigger)."""

    user = member()
    person_id = person()
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
            models.UniqueConstraint(fields=["person_id", "activity", "nonce"], name="marketing_draw_nonce_once"),
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
