"""The models that users choose, what they cost, and the limits that hold for all."""

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.chat.contracts import (
    Capability,
    Extras,
    ImageQuality,
    ImageSize,
    ModelKind,
    PerAnswer,
    PerImage,
    PerSize,
    PerTokens,
    Price,
    PriceKind,
    Tokenizer,
)
from apps.chat.rules import charging
from apps.kernel.models import Row


class ModelPrice(Row):
    """A version of a model's price, which never changes; who asked at it pays it, whatever the model costs by then."""

    # The model's code, a slash and the number: it is made before its model is.
    code = models.CharField(_("code"), max_length=80)
    number = models.PositiveIntegerField(_("version"))
    kind = models.CharField(_("kind"), max_length=12, choices=PriceKind)
    # What its kind counts; the others are empty. By the token, for a thousand of them.
    answer_milli = models.PositiveIntegerField(_("price (thousandths of a credit)"), null=True, blank=True)
    input_milli = models.PositiveIntegerField(_("a thousand tokens of input"), null=True, blank=True)
    cached_milli = models.PositiveIntegerField(_("a thousand cached tokens of input"), null=True, blank=True)
    output_milli = models.PositiveIntegerField(_("a thousand tokens of output"), null=True, blank=True)
    image_milli = models.PositiveIntegerField(_("an image"), null=True, blank=True)
    # On top, for an answer that is asked to think, or to search.
    think_milli = models.PositiveIntegerField(_("for thinking (thousandths of a credit)"), default=0)
    search_milli = models.PositiveIntegerField(_("for searching (thousandths of a credit)"), default=0)

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        constraints = [
            models.UniqueConstraint(fields=["code"], name="chat_modelprice_code_once"),
            models.CheckConstraint(condition=Q(kind__in=PriceKind.values), name="chat_modelprice_kind_known"),
            models.CheckConstraint(
                # A comparison with NULL is not false: each says, too, that it is there.
                condition=Q(
                    kind=PriceKind.PER_ANSWER,
                    answer_milli__isnull=False,
                    answer_milli__gt=0,
                    input_milli=None,
                    cached_milli=None,
                    output_milli=None,
                    image_milli=None,
                )
                # What is set aside takes all input for new: cached input costs no more. Embeddings have no output.
                | Q(
                    Q(input_milli__gt=0) | Q(output_milli__gt=0),
                    kind=PriceKind.PER_TOKENS,
                    answer_milli=None,
                    input_milli__isnull=False,
                    cached_milli__isnull=False,
                    output_milli__isnull=False,
                    input_milli__gte=F("cached_milli"),
                    cached_milli__gte=0,
                    output_milli__gte=0,
                    image_milli=None,
                )
                | Q(
                    kind=PriceKind.PER_IMAGE,
                    answer_milli=None,
                    input_milli=None,
                    cached_milli=None,
                    output_milli=None,
                    image_milli__isnull=False,
                    image_milli__gt=0,
                ),
                name="chat_modelprice_terms",
            ),
            models.CheckConstraint(
                condition=~Q(kind=PriceKind.PER_IMAGE) | Q(think_milli=0, search_milli=0),
                name="chat_modelprice_extras_of_texts",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def terms(self) -> Price:
        """What it asks, for the rules. Per image its rates are read, unless they were prefetched."""
        price = self.terms_at(None)
        if not isinstance(price, PerImage):
            return price
        return PerImage(image_milli=price.image_milli, rates=charging.in_order(rate.terms for rate in self.rates.all()))

    def terms_at(self, rate: "ImageRate | None") -> Price:
        """What it asks of whoever asked at this one of its rates, or at none."""
        return price_of(
            kind=self.kind,
            answer_milli=self.answer_milli,
            input_milli=self.input_milli,
            cached_milli=self.cached_milli,
            output_milli=self.output_milli,
            image_milli=self.image_milli if rate is None else rate.milli,
        )

    @property
    def extras(self) -> Extras:
        """What it asks on top."""
        return Extras(think_milli=self.think_milli, search_milli=self.search_milli)


def price_of(
    *, kind: str, answer_milli: Any, input_milli: Any, cached_milli: Any, output_milli: Any, image_milli: Any
) -> Price:
    """The terms that a price's columns say."""
    if kind == PriceKind.PER_IMAGE:
        return PerImage(image_milli=image_milli)
    if kind == PriceKind.PER_TOKENS:
        return PerTokens(input_milli=input_milli, cached_milli=cached_milli, output_milli=output_milli)
    return PerAnswer(answer_milli=answer_milli)


class ImageRate(Row):
    """What a version of a price asks for images of one size, in one quality or in any: it never changes, as that does.

    Which one counts is found when images are asked for (rules.charging.rate_for).
    """

    # The code of its price, the size and the quality, with spaces between.
    code = models.CharField(_("code"), max_length=120)
    price = models.ForeignKey(
        ModelPrice, verbose_name=_("price"), on_delete=models.PROTECT, related_name="rates", db_index=False
    )
    size = models.CharField(_("size"), max_length=9, choices=ImageSize)
    # Empty: for every quality without a rate of its own.
    quality = models.CharField(_("quality"), max_length=8, choices=ImageQuality, blank=True, default="")
    milli = models.PositiveIntegerField(_("an image (thousandths of a credit)"))

    class Meta:
        verbose_name = _("rate of images")
        verbose_name_plural = _("rates of images")
        constraints = [
            models.UniqueConstraint(fields=["code"], name="chat_imagerate_code_once"),
            models.UniqueConstraint(fields=["price", "size", "quality"], name="chat_imagerate_once"),
            models.CheckConstraint(condition=Q(size__in=ImageSize.values), name="chat_imagerate_size_known"),
            models.CheckConstraint(
                condition=Q(quality="") | Q(quality__in=ImageQuality.values), name="chat_imagerate_quality_known"
            ),
            models.CheckConstraint(condition=Q(milli__gt=0), name="chat_imagerate_positive"),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def terms(self) -> PerSize:
        """What it asks, for the rules."""
        return PerSize(size=self.size, quality=self.quality, milli=self.milli)


class ChatModel(Row):
    """A model that users choose by its code; its routes say which channels serve it."""

    code = models.CharField(_("code"), max_length=64)
    name = models.CharField(_("name"), max_length=64)
    kind = models.CharField(_("kind"), max_length=9, choices=ModelKind, default=ModelKind.TEXT)
    # What it can beside writing; what of it reaches those who ask, rules.offered() says.
    has_vision = models.BooleanField(_("sees images"), default=False)
    has_reasoning = models.BooleanField(_("thinks before it answers"), default=False)
    has_tools = models.BooleanField(_("uses tools"), default=False)
    has_search = models.BooleanField(_("searches the web"), default=False)
    # The present version. Every generation names its own, so a change concerns only later ones.
    price = models.ForeignKey(
        ModelPrice, verbose_name=_("price"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # By which tables its tokens are counted (rules.tokenizer_of).
    tokenizer = models.CharField(_("tokens"), max_length=16, choices=Tokenizer, default=Tokenizer.BY_CODE)
    context_tokens = models.PositiveIntegerField(_("context (tokens)"), default=16_000)
    max_output_tokens = models.PositiveIntegerField(_("longest answer (tokens)"), default=2_000)
    is_in_free_allowance = models.BooleanField(_("in the free allowance"), default=True)
    needs_entitlement = models.BooleanField(_("needs an entitlement"), default=False)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    # Otherwise it stands on no page and in no list, and answers who asks it by name.
    is_visible = models.BooleanField(_("visible"), default=True)
    sort = models.PositiveSmallIntegerField(_("sort order"), default=100)
    updated_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("model")
        verbose_name_plural = _("models")
        constraints = [
            models.UniqueConstraint(fields=["code"], name="chat_chatmodel_code_once"),
            models.CheckConstraint(
                condition=Q(max_output_tokens__gt=0, context_tokens__gt=F("max_output_tokens")),
                name="chat_chatmodel_output_fits_context",
            ),
            models.CheckConstraint(condition=Q(kind__in=ModelKind.values), name="chat_chatmodel_kind_known"),
            models.CheckConstraint(condition=Q(tokenizer__in=Tokenizer.values), name="chat_chatmodel_tokenizer_known"),
            models.CheckConstraint(
                condition=Q(kind=ModelKind.TEXT)
                | Q(has_vision=False, has_reasoning=False, has_tools=False, has_search=False),
                name="chat_chatmodel_capabilities_of_text",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        """What it can beside writing."""
        return tuple(each for each in Capability if getattr(self, f"has_{each.value}"))

    @property
    def price_milli(self) -> int | None:
        """A flat price of now; entries on the trail that are older than versions of prices say it, too."""
        return self.price.answer_milli

    @property
    def prompt_tokens(self) -> int:
        """How much may be asked: what the longest answer leaves of the context."""
        return self.context_tokens - self.max_output_tokens


class ChatPolicy(models.Model):
    """The one row of limits; without it, the defaults of contracts.Policy hold."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    free_per_day = models.PositiveIntegerField(_("free messages per day"))
    max_running = models.PositiveSmallIntegerField(_("answers at once"))
    max_unpaid_per_day = models.PositiveSmallIntegerField(_("answers per day at our cost"), db_default=30)
    max_message_chars = models.PositiveIntegerField(_("longest message (characters)"))
    max_per_minute = models.PositiveSmallIntegerField(_("messages per minute"), db_default=60)
    allows_own_addresses = models.BooleanField(
        _("own keys at addresses of their own"),
        db_default=False,
        default=False,
        help_text=_("Members may have their own keys asked at addresses that they name: public ones, by HTTPS."),
    )
    updated_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = verbose_name_plural = _("chat limits")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="chat_chatpolicy_one_row"),
            models.CheckConstraint(condition=Q(max_running__gt=0), name="chat_chatpolicy_some_may_run"),
            models.CheckConstraint(condition=Q(max_message_chars__gt=0), name="chat_chatpolicy_some_text_fits"),
            models.CheckConstraint(condition=Q(max_unpaid_per_day__gt=0), name="chat_chatpolicy_some_may_fail"),
            models.CheckConstraint(condition=Q(max_per_minute__gt=0), name="chat_chatpolicy_some_may_ask"),
        ]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)
