"""What behaviours give, and what points buy."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.kernel.models import Row
from apps.marketing.contracts import Behaviour, ItemKind
from apps.marketing.models.campaigns import Activity
from apps.marketing.models.members import member


class RebateRule(Row):
    """What a behaviour gives. Chances belong to `activity`; the version counts edits."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    title = models.CharField(_("title"), max_length=60)
    behaviour = models.CharField(_("behaviour"), max_length=10, choices=Behaviour)
    points = models.PositiveIntegerField(_("points"), default=0)
    points_per_yuan = models.PositiveIntegerField(_("points per yuan"), default=0)
    chances = models.PositiveIntegerField(_("chances"), default=0)
    activity = models.ForeignKey(
        Activity,
        verbose_name=_("activity of the chances"),
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
    )
    version = models.PositiveIntegerField(_("rule version"), default=1, editable=False)
    is_active = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("rebate rule")
        verbose_name_plural = _("rebate rules")
        constraints = [
            models.CheckConstraint(
                condition=Q(behaviour__in=Behaviour.values), name="marketing_rebaterule_behaviour_known"
            ),
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
    activity = models.ForeignKey(
        Activity,
        verbose_name=_("activity of the chances"),
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
    )

    class Meta:
        verbose_name = _("rebate")
        verbose_name_plural = _("rebates")
        constraints = [
            models.UniqueConstraint(fields=["rule", "behaviour_key"], name="marketing_rebate_once_per_behaviour"),
        ]

    def __str__(self) -> str:
        return self.behaviour_key


class SignIn(Row):
    """A member signed in on a local day. Rows never change (trigger)."""

    user = member()
    local_day = models.DateField(_("day"))
    streak = models.PositiveIntegerField(_("days in a row"))

    class Meta:
        verbose_name = _("daily sign-in")
        verbose_name_plural = _("daily sign-ins")
        constraints = [
            models.UniqueConstraint(fields=["user", "local_day"], name="marketing_signin_once_a_day"),
            models.CheckConstraint(condition=Q(streak__gte=1), name="marketing_signin_streak_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.local_day}"


class ExchangeItem(Row):
    """Something that points buy. Amount: chances of `activity`, or milli-credits. NULL stock or limit is none."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    title = models.CharField(_("title"), max_length=60)
    kind = models.CharField(_("kind"), max_length=8, choices=ItemKind)
    amount = models.PositiveBigIntegerField(_("amount"))
    price_points = models.PositiveIntegerField(_("price (points)"))
    activity = models.ForeignKey(
        Activity,
        verbose_name=_("activity of the chances"),
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
    )
    stock = models.PositiveIntegerField(_("stock"), null=True, blank=True)
    sold = models.PositiveIntegerField(_("sold"), default=0, editable=False)
    member_limit = models.PositiveIntegerField(_("limit per member"), null=True, blank=True)
    is_active = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("exchange item")
        verbose_name_plural = _("exchange items")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=ItemKind.values), name="marketing_exchangeitem_kind_known"),
            models.CheckConstraint(condition=Q(amount__gte=1), name="marketing_exchangeitem_amount_positive"),
            models.CheckConstraint(condition=Q(price_points__gte=1), name="marketing_exchangeitem_price_positive"),
            models.CheckConstraint(
                condition=Q(stock=None) | Q(sold__lte=F("stock")), name="marketing_exchangeitem_not_oversold"
            ),
            models.CheckConstraint(
                condition=Q(kind=ItemKind.CHANCES, activity__isnull=False) | (~Q(kind=ItemKind.CHANCES)),
                name="marketing_exchangeitem_chances_have_activity",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class ExchangeTally(Row):
    """How many of an item one member has bought; the limit is held by a conditional UPDATE here."""

    user = member()
    item = models.ForeignKey(ExchangeItem, on_delete=models.PROTECT, related_name="+")
    bought = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("exchange tally")
        verbose_name_plural = _("exchange tallies")
        constraints = [
            models.UniqueConstraint(fields=["user", "item"], name="marketing_exchangetally_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.bought}"


class ExchangeOrder(Row):
    """One exchange with the price and content of its moment. Rows never change (trigger)."""

    user = member()
    item = models.ForeignKey(ExchangeItem, verbose_name=_("exchange item"), on_delete=models.PROTECT, related_name="+")
    request_id = models.CharField(_("request ID"), max_length=64)
    quantity = models.PositiveIntegerField(_("quantity"))
    # As wide as their product, which PostgreSQL computes in the width of its factors.
    unit_points = models.PositiveBigIntegerField(_("points each"))
    unit_amount = models.PositiveBigIntegerField(_("amount each"))
    points_paid = models.PositiveBigIntegerField(_("points paid"))
    title = models.CharField(_("title"), max_length=60)
    kind = models.CharField(_("kind"), max_length=8, choices=ItemKind)
    activity = models.ForeignKey(
        Activity,
        verbose_name=_("activity of the chances"),
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
    )

    class Meta:
        verbose_name = _("exchange order")
        verbose_name_plural = _("exchange orders")
        constraints = [
            models.UniqueConstraint(fields=["user", "request_id"], name="marketing_exchangeorder_once_per_request"),
            models.CheckConstraint(condition=Q(kind__in=ItemKind.values), name="marketing_exchangeorder_kind_known"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="marketing_exchangeorder_quantity_positive"),
            models.CheckConstraint(
                condition=Q(points_paid=F("unit_points") * F("quantity")), name="marketing_exchangeorder_price_adds_up"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
