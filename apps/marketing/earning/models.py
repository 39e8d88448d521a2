"""Rules, what they gave, and daily sign-ins."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.kernel.models import Row
from apps.kernel.registries import CodeField, code_constraint
from apps.marketing.earning.registries import BEHAVIOURS
from apps.marketing.seats.models import activity_of_chances, member, person


class RebateRule(Row):
    """What a behaviour gives. Chances belong to `activity`; the version counts edits."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    title = models.CharField(_("title"), max_length=60)
    behaviour = CodeField(_("behaviour"), registry=BEHAVIOURS)
    points = models.PositiveIntegerField(_("points"), default=0)
    points_per_yuan = models.PositiveIntegerField(_("points per yuan"), default=0)
    chances = models.PositiveIntegerField(_("chances"), default=0)
    activity = activity_of_chances()
    version = models.PositiveIntegerField(_("rule version"), default=1, editable=False)
    is_active = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("rebate rule")
        verbose_name_plural = _("rebate rules")
        constraints = [
            code_constraint("marketing_rebaterule", "behaviour"),
            models.CheckConstraint(
                condition=Q(chances=0) | Q(activity__isnull=False), name="marketing_rebaterule_chances_have_activity"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Rebate(Row):
    """What one behaviour gave by one rule, once. Rows never change (trigger)."""

    rule = models.ForeignKey(
        RebateRule, verbose_name=_("rebate rule"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    rule_version = models.PositiveIntegerField(_("rule version"))
    user = member(db_index=True)
    behaviour_key = models.CharField(_("behaviour key"), max_length=80)
    # Points per yuan times yuan outgrow 32 bits.
    points = models.PositiveBigIntegerField(_("points"))
    chances = models.PositiveIntegerField(_("chances"))
    activity = activity_of_chances()

    class Meta:
        verbose_name = _("rebate")
        verbose_name_plural = _("rebates")
        constraints = [
            models.UniqueConstraint(fields=["rule", "behaviour_key"], name="marketing_rebate_once_per_behaviour"),
        ]

    def __str__(self) -> str:
        return self.behaviour_key


class SignIn(Row):
    """A person signed in on a local day, with the account that they had then. Rows never change (trigger)."""

    user = member(db_index=True)
    person_id = person()
    local_day = models.DateField(_("day"))
    streak = models.PositiveIntegerField(_("days in a row"))

    class Meta:
        verbose_name = _("daily sign-in")
        verbose_name_plural = _("daily sign-ins")
        constraints = [
            models.UniqueConstraint(fields=["person_id", "local_day"], name="marketing_signin_once_a_day"),
            models.CheckConstraint(condition=Q(streak__gte=1), name="marketing_signin_streak_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.local_day}"
