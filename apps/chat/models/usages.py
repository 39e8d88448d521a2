"""What answers took, and what that cost us."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.chat.contracts import UpstreamCost, UsageBasis
from apps.chat.models.catalogue import ChatModel, ModelPrice
from apps.chat.models.generations import Generation
from apps.chat.models.routes import Route
from apps.kernel.models import Row


class RouteCost(Row):
    """A version of what a route costs us, which never changes; the last one counts from its moment on."""

    # The model's code, an at, the channel's, a slash and the number.
    code = models.CharField(_("code"), max_length=120)
    route = models.ForeignKey(
        Route, verbose_name=_("route"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    number = models.PositiveIntegerField(_("version"))
    # Millionths of a yuan, for a thousand tokens.
    input_microyuan = models.PositiveIntegerField(_("a thousand tokens of input (millionths of a yuan)"))
    cached_microyuan = models.PositiveIntegerField(_("a thousand cached tokens of input (millionths of a yuan)"))
    output_microyuan = models.PositiveIntegerField(_("a thousand tokens of output (millionths of a yuan)"))
    image_microyuan = models.PositiveIntegerField(_("an image (millionths of a yuan)"), default=0)

    class Meta:
        verbose_name = _("cost of a route")
        verbose_name_plural = _("costs of routes")
        constraints = [
            models.UniqueConstraint(fields=["code"], name="chat_routecost_code_once"),
            models.UniqueConstraint(fields=["route", "number"], name="chat_routecost_numbered"),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def terms(self) -> UpstreamCost:
        """What it asks, for the rules."""
        return UpstreamCost(
            input_microyuan=self.input_microyuan,
            cached_microyuan=self.cached_microyuan,
            output_microyuan=self.output_microyuan,
            image_microyuan=self.image_microyuan,
        )


class AnswerUsage(models.Model):
    """What one settled answer took, at which price, and what it cost its owner and us: written once, with its end."""

    generation = models.OneToOneField(
        Generation, verbose_name=_("generation"), on_delete=models.PROTECT, primary_key=True, related_name="usage"
    )
    created_at = models.DateTimeField(_("settled at"))
    model = models.ForeignKey(ChatModel, verbose_name=_("model"), on_delete=models.PROTECT, related_name="+")
    # Where it was asked last; NULL where it was asked nowhere, or nobody is left who knows.
    route = models.ForeignKey(
        Route, verbose_name=_("route"), on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    price = models.ForeignKey(
        ModelPrice, verbose_name=_("price"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # As rules.counted() found them.
    input_tokens = models.PositiveIntegerField(_("input (tokens)"))
    cached_tokens = models.PositiveIntegerField(_("of it cached (tokens)"))
    output_tokens = models.PositiveIntegerField(_("output (tokens)"))
    reasoning_tokens = models.PositiveIntegerField(_("of it thoughts (tokens)"))
    # Our count of the output that was kept.
    kept_tokens = models.PositiveIntegerField(_("kept by our count (tokens)"))
    images = models.PositiveSmallIntegerField(_("images"), default=0)
    vectors = models.PositiveSmallIntegerField(_("embeddings"), default=0)
    basis = models.CharField(_("counted by"), max_length=8, choices=UsageBasis)
    charged_milli = models.PositiveIntegerField(_("charged (thousandths of a credit)"))
    # What of its cost was asked for thinking and searching.
    extra_milli = models.PositiveIntegerField(_("for extras (thousandths of a credit)"), default=0)
    # What it would have cost beyond its hold, which its owner does not pay.
    absorbed_milli = models.BigIntegerField(_("beyond the hold (thousandths of a credit)"))
    # What the route cost us then, by which version; NULL where nobody has said what it costs.
    cost = models.ForeignKey(
        RouteCost,
        verbose_name=_("cost of the route"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    cost_microyuan = models.BigIntegerField(_("our cost (millionths of a yuan)"), null=True, blank=True)
    # From asking the channel to its first word or thought, and to the end.
    first_output_ms = models.PositiveIntegerField(_("first output after (ms)"), null=True, blank=True)
    latency_ms = models.PositiveIntegerField(_("took (ms)"), null=True, blank=True)

    class Meta:
        verbose_name = _("usage of an answer")
        verbose_name_plural = _("usage of answers")
        constraints = [
            models.CheckConstraint(condition=Q(basis__in=UsageBasis.values), name="chat_answerusage_basis_known"),
            models.CheckConstraint(
                condition=Q(cached_tokens__lte=F("input_tokens"), reasoning_tokens__lte=F("output_tokens")),
                name="chat_answerusage_parts_of_wholes",
            ),
            models.CheckConstraint(
                condition=Q(absorbed_milli=0) | Q(absorbed_milli__gt=0, charged_milli__gt=0),
                name="chat_answerusage_absorbs_beyond_the_hold",
            ),
            models.CheckConstraint(
                condition=Q(cost=None, cost_microyuan=None)
                | Q(cost__isnull=False, cost_microyuan__isnull=False, cost_microyuan__gte=0, route__isnull=False),
                name="chat_answerusage_cost_has_version",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
