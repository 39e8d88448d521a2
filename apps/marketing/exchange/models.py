"""What points buy, and what was bought."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.kernel.models import Row
from apps.kernel.registries import CodeField, code_constraint
from apps.marketing.exchange.registries import ITEMS
from apps.marketing.seats.contracts import CHANCES
from apps.marketing.seats.models import activity_of_chances, member, person


class ExchangeItem(Row):
    """Something that points buy. Amount: in the unit of its kind. NULL stock or limit is none."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    title = models.CharField(_("title"), max_length=60)
    kind = CodeField(_("kind"), registry=ITEMS)
    amount = models.PositiveBigIntegerField(_("amount"))
    price_points = models.PositiveIntegerField(_("price (points)"))
    activity = activity_of_chances()
    stock = models.PositiveIntegerField(_("stock"), null=True, blank=True)
    sold = models.PositiveIntegerField(_("sold"), default=0, editable=False)
    member_limit = models.PositiveIntegerField(_("limit per member"), null=True, blank=True)
    is_active = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("exchange item")
        verbose_name_plural = _("exchange items")
        constraints = [
            code_constraint("marketing_exchangeitem", "kind"),
            models.CheckConstraint(condition=Q(amount__gte=1), name="marketing_exchangeitem_amount_positive"),
            models.CheckConstraint(condition=Q(price_points__gte=1), name="marketing_exchangeitem_price_positive"),
            models.CheckConstraint(
                condition=Q(stock=None) | Q(sold__lte=F("stock")), name="marketing_exchangeitem_not_oversold"
            ),
            models.CheckConstraint(
                condition=Q(kind=CHANCES, activity__isnull=False) | (~Q(kind=CHANCES)),
                name="marketing_exchangeitem_chances_have_activity",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class ExchangeTally(Row):
    """How many of an item one person has bought; the limit is held by a conditional UPDATE here."""

    person_id = person()
    item = models.ForeignKey(ExchangeItem, on_delete=models.PROTECT, related_name="+")
    bought = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("exchange tally")
        verbose_name_plural = _("exchange tallies")
        constraints = [
            models.UniqueConstraint(fields=["person_id", "item"], name="marketing_exchangetally_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {self.bought}"


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
    kind = CodeField(_("kind"), registry=ITEMS)
    activity = activity_of_chances()

    class Meta:
        verbose_name = _("exchange order")
        verbose_name_plural = _("exchange orders")
        constraints = [
            models.UniqueConstraint(fields=["user", "request_id"], name="marketing_exchangeorder_once_per_request"),
            code_constraint("marketing_exchangeorder", "kind"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="marketing_exchangeorder_quantity_positive"),
            models.CheckConstraint(
                condition=Q(points_paid=F("unit_points") * F("quantity")), name="marketing_exchangeorder_price_adds_up"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
