"""Whose row it is, and who takes part in an activity."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.kernel.models import Row
from apps.marketing.campaigns.models import Activity


def member(*, db_index: bool = False) -> "models.ForeignKey[Any, Any]":
    """The member's key. Most tables have a unique key that begins with the member, so this one needs no index."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("member"),
        on_delete=models.PROTECT,
        related_name="+",
        db_index=db_index,
    )


def person() -> "models.UUIDField[Any, Any]":
    """The id of the person whose account it was; what is once, or limited, per member begins its key with it."""
    return models.UUIDField(_("person"), editable=False)


def activity_of_chances() -> "models.ForeignKey[Activity | None, Activity | None]":
    """Where the chances can be used that a row gives; NULL where it gives none."""
    return models.ForeignKey(
        Activity,
        verbose_name=_("activity of the chances"),
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
    )


class Seat(Row):
    """One person in one activity: draws so far over all their accounts, and the secret seed whose hash they saw."""

    person_id = person()
    activity = models.ForeignKey(Activity, on_delete=models.PROTECT, related_name="+")
    drawn_total = models.PositiveIntegerField(default=0)
    drawn_day = models.PositiveIntegerField(default=0)
    day_on = models.DateField()
    drawn_month = models.PositiveIntegerField(default=0)
    month_on = models.DateField()
    # Hexadecimal. Revealed in the proofs of the next request, which replaces it.
    server_seed = models.CharField(max_length=64)
    # Of the seed that the seat began with; never changes (trigger).
    first_seed_hash = models.CharField(max_length=64)
    nonce = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("seat")
        verbose_name_plural = _("seats")
        db_table = "marketing_participation"
        constraints = [
            models.UniqueConstraint(fields=["person_id", "activity"], name="marketing_participation_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} in {self.activity_id}"
