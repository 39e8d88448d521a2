"""What members may ask: their rights to models, and what they took of the free allowance."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.chat.models.catalogue import ChatModel
from apps.kernel.db import Given
from apps.kernel.models import Row


class LiveEntitlements(models.QuerySet["Entitlement"]):
    """Entitlements, and which of them count."""

    def live(self, now: datetime | Given) -> "LiveEntitlements":
        """Those that open their model now: the grants of a right have no gap, so one that has not ended is enough."""
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=now))


class Entitlement(Row):
    """One grant of a user's right to use a model: what gave it, for how long, and when the right ends with it.

    The grants of a right are numbered; each begins where the one before ends (rules.lengthened), for ever is for ever.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("member"), on_delete=models.PROTECT, related_name="+"
    )
    model = models.ForeignKey(ChatModel, verbose_name=_("model"), on_delete=models.PROTECT, related_name="+")
    cause_type = models.CharField(_("cause type"), max_length=64)
    cause_id = models.CharField(_("cause ID"), max_length=64)
    number = models.PositiveSmallIntegerField(_("grant number"))
    # Without days the grant is for ever; without an end the right is.
    days = models.PositiveSmallIntegerField(_("days"), null=True, blank=True)
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)

    objects = LiveEntitlements.as_manager()

    class Meta:
        verbose_name = _("entitlement")
        verbose_name_plural = _("entitlements")
        constraints = [
            models.UniqueConstraint(fields=["user", "model", "number"], name="chat_entitlement_numbered"),
            models.UniqueConstraint(
                fields=["user", "model", "cause_type", "cause_id"], name="chat_entitlement_once_per_cause"
            ),
            models.CheckConstraint(condition=Q(days__gt=0) | Q(days=None, ends_at=None), name="chat_entitlement_term"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.model_id}"


class FreeUse(models.Model):
    """How many free uses a person has taken on one local day, over all their accounts, and what else was free.

    `unpaid` counts answers that a channel worked on and nobody paid for: stopped before the first word, or empty.
    """

    person_id = models.UUIDField(editable=False)
    day = models.DateField()
    used = models.PositiveIntegerField()
    unpaid = models.PositiveIntegerField(db_default=0)

    class Meta:
        verbose_name = _("free use")
        verbose_name_plural = _("free uses")
        constraints = [
            models.UniqueConstraint(fields=["person_id", "day"], name="chat_freeuse_once_per_day"),
            models.CheckConstraint(condition=Q(used__gte=0), name="chat_freeuse_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {self.day}: {self.used}"
