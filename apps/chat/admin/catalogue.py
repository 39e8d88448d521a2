"""Models, their prices, and the limits for all, as operators set them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.chat import errors, services
from apps.chat.admin.image_rates import RatesField, rates_in_words
from apps.chat.contracts import Extras, PerAnswer, PerImage, Policy, Price, PriceKind
from apps.chat.models import ChatModel, ChatPolicy, ModelPrice, price_of
from apps.kernel.admin import SHOWN, ConfigurationAdmin, Happening, ReasonedForm, Task, tell
from apps.kernel.errors import DomainError
from apps.kernel.templatetags.units import credit_number

_NEEDED = {
    "price_milli": gettext_lazy("A price per answer is a positive number."),
    "input_milli": gettext_lazy("A thousand tokens cost at most 500 credits."),
    "cached_milli": gettext_lazy("Cached input costs no more than other input."),
    "output_milli": gettext_lazy(
        "A thousand tokens of output cost something, at most 500 credits; of embeddings, which write nothing, nothing."
    ),
    "think_milli": gettext_lazy("Only what a model can is sold: thinking, for at most 10,000 credits."),
    "search_milli": gettext_lazy("Only what a model can is sold: searching, for at most 10,000 credits."),
    "image_milli": gettext_lazy("An image costs something, at most 10,000 credits."),
    "rates": gettext_lazy(
        "Each rate is of a size and quality of its own, and costs something, at most 10,000 credits."
    ),
    "price_kind": gettext_lazy("Texts are paid per answer or by the token, images per image, embeddings by the token."),
    "kind": gettext_lazy("Only models of texts see images, think, use tools or search."),
    "max_output_tokens": gettext_lazy(
        "The longest answer is shorter than the context, which has at most 2,000,000 tokens."
    ),
}


class ModelForm(ReasonedForm):
    """A model, its price and its limits."""

    price_kind = forms.ChoiceField(
        required=False,
        choices=PriceKind.choices,
        label=gettext_lazy("What is paid"),
        help_text=gettext_lazy(
            "Only the numbers of what is chosen here count. Texts: per answer or by the token; images: per image; "
            "embeddings: by the token, without output."
        ),
    )
    price_milli = forms.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, label=gettext_lazy("price (thousandths of a credit)")
    )
    input_milli = forms.IntegerField(
        required=False, min_value=0, label=gettext_lazy("a thousand tokens of input (thousandths of a credit)")
    )
    cached_milli = forms.IntegerField(
        required=False,
        min_value=0,
        label=gettext_lazy("a thousand cached tokens of input (thousandths of a credit)"),
        help_text=gettext_lazy("Of input that the provider says it still knew. At most what other input costs."),
    )
    output_milli = forms.IntegerField(
        required=False, min_value=0, label=gettext_lazy("a thousand tokens of output (thousandths of a credit)")
    )
    image_milli = forms.IntegerField(
        required=False, min_value=1, label=gettext_lazy("an image (thousandths of a credit)")
    )
    rates = RatesField(
        required=False,
        label=gettext_lazy("images of some sizes"),
        help_text=gettext_lazy(
            "What is asked for counts: the row of its size and quality; else that of its size in any quality; else the "
            "dearest of its quality, also where the size is left to the provider; else the price of an image above. An "
            "emptied row is no more."
        ),
    )
    think_milli = forms.IntegerField(
        required=False,
        min_value=0,
        label=gettext_lazy("for thinking (thousandths of a credit)"),
        help_text=gettext_lazy(
            "On top of each answer that is asked to think; empty where that is included. By the token, thoughts are "
            "paid as output anyway. An answer with a priced extra is never free."
        ),
    )
    search_milli = forms.IntegerField(
        required=False,
        min_value=0,
        label=gettext_lazy("for searching (thousandths of a credit)"),
        help_text=gettext_lazy("On top of each answer that is asked to search; empty where that is included."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        if (model := options.get("instance")) is not None:
            price = model.price
            names = ("input_milli", "cached_milli", "output_milli", "image_milli", "think_milli", "search_milli")
            present = {name: getattr(price, name) for name in names}
            present |= {"price_kind": price.kind, "price_milli": price.answer_milli}
            present["rates"] = getattr(price.terms, "rates", ())
            options["initial"] = {**present, **(options.get("initial") or {})}
        super().__init__(*args, **options)

    def terms(self) -> Price:
        """The price that was entered; what was left empty is 0, which the service takes where it can be."""
        said = self.cleaned_data
        price = price_of(
            kind=said["price_kind"] or PriceKind.PER_ANSWER,
            answer_milli=said["price_milli"] or 0,
            input_milli=said["input_milli"] or 0,
            cached_milli=said["cached_milli"] or 0,
            output_milli=said["output_milli"] or 0,
            image_milli=said["image_milli"] or 0,
        )
        return replace(price, rates=said["rates"]) if isinstance(price, PerImage) else price

    def extras(self) -> Extras:
        """What is asked on top; nothing where the model cannot do it."""
        said = self.cleaned_data
        return Extras(think_milli=said["think_milli"] or 0, search_milli=said["search_milli"] or 0)

    class Meta:
        model = ChatModel
        fields = (
            "code",
            "name",
            "kind",
            "has_vision",
            "has_reasoning",
            "has_tools",
            "has_search",
            "tokenizer",
            "context_tokens",
            "max_output_tokens",
            "is_in_free_allowance",
            "needs_entitlement",
            "is_enabled",
            "is_visible",
            "sort",
        )
        help_texts: ClassVar = {
            "code": gettext_lazy("What programs call it. It stays; prices and rights are known by it."),
            "kind": gettext_lazy(
                "In chats models of texts and of images are asked; a question to another one is refused and free."
            ),
            "has_vision": gettext_lazy(
                "Members and programs are told, and may show it pictures; what shows some to another one is refused "
                "and free."
            ),
            "has_reasoning": gettext_lazy("Programs are told. Thoughts that its provider shows are kept and paid for."),
            "has_tools": gettext_lazy("Programs are told, and may name tools for it to call; else they are refused."),
            "has_search": gettext_lazy(
                "Members get a switch for it, programs may ask for it, at channels whose kind can be asked to search."
            ),
            "tokenizer": gettext_lazy(
                "How its maker cuts texts. Where that is known, long conversations fit it exactly, and who breaks an "
                "answer off pays exactly what was kept; else both are estimated, rather too high."
            ),
            "context_tokens": gettext_lazy("What is asked and answered fits in these."),
            "is_in_free_allowance": gettext_lazy("A free message of the day pays for its answer, while one is left."),
            "needs_entitlement": gettext_lazy("Only who bought or won the right to it may ask it; else everybody."),
            "is_enabled": gettext_lazy("Switched off, nobody asks it, whoever has a right to it."),
            "is_visible": gettext_lazy(
                "Otherwise it stands on no page and in no list; whoever knows its code may ask it, as any other."
            ),
            "sort": gettext_lazy("The lowest stands first."),
        }


def _price_in_words(price: Price) -> str:
    if isinstance(price, PerAnswer):
        return _("%(n)s credits per answer") % {"n": credit_number(price.answer_milli)}
    if isinstance(price, PerImage):
        return _("%(n)s credits per image") % {"n": credit_number(price.image_milli)} + rates_in_words(price.rates)
    return _("%(input)s / %(cached)s / %(output)s credits per 1,000 tokens of input / cached / output") % {
        "input": credit_number(price.input_milli),
        "cached": credit_number(price.cached_milli),
        "output": credit_number(price.output_milli),
    }


def _extras_in_words(extras: Extras) -> str:
    """Empty where nothing is asked on top."""
    said = (
        (_("%(n)s more for thinking"), extras.think_milli),
        (_("%(n)s more for searching"), extras.search_milli),
    )
    return "".join(f", {text % {'n': credit_number(milli)}}" for text, milli in said if milli)


def _prices(request: HttpRequest, model: Any) -> Iterable[Happening]:
    """Every version of a model's price; who set it and why, the entry beside it says."""
    versions = ModelPrice.objects.filter(code__startswith=f"{model.code}/").prefetch_related("rates")
    for price in versions.order_by("-number")[:SHOWN]:
        is_present = price.pk == model.price_id
        title = _("Price %(code)s, in force") if is_present else _("Price %(code)s")
        yield Happening(
            at=price.created_at,
            title=title % {"code": price.code},
            detail=_price_in_words(price.terms) + _extras_in_words(price.extras),
            tone="jade" if is_present else "",
        )


tell("chat.chatmodel", "chat.view_chatmodel", _prices)


# The form in parts: each with its fields.
_PARTS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (None, ("code", "name", "kind", "sort")),
    (
        gettext_lazy("What it can"),
        ("has_vision", "has_reasoning", "has_tools", "has_search", "tokenizer", "context_tokens", "max_output_tokens"),
    ),
    (
        gettext_lazy("Price"),
        (
            "price_kind",
            "price_milli",
            "input_milli",
            "cached_milli",
            "output_milli",
            "image_milli",
            "rates",
            "think_milli",
            "search_milli",
        ),
    ),
    (gettext_lazy("Who may ask it"), ("is_enabled", "is_visible", "needs_entitlement", "is_in_free_allowance")),
    (gettext_lazy("Why"), ("reason", "seen")),
)


@admin.register(ChatModel)
class ChatModelAdmin(ConfigurationAdmin):
    """The models on offer. The page of one tells every version of its price, and who changed it."""

    task = Task.CHAT
    form = ModelForm
    empty_text = gettext_lazy(
        "There is nothing to talk to yet. Add a channel first, then a model, then the route from one to the other."
    )
    list_display = (
        "name",
        "code",
        "kind",
        "can",
        "served_by",
        "price_now",
        "needs_entitlement",
        "is_enabled",
        "is_visible",
        "sort",
    )
    list_filter = ("kind", "is_enabled", "is_visible")
    list_select_related = ("price",)
    ordering = ("sort", "code")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChatModel]:
        """With the routes and rates, which columns name."""
        return super().get_queryset(request).prefetch_related("routes__channel", "price__rates")

    def get_fieldsets(self, request: HttpRequest, obj: ChatModel | None = None) -> Any:
        """The fields in parts."""
        fields = self.get_fields(request, obj)
        return [(title, {"fields": [name for name in names if name in fields]}) for title, names in _PARTS]

    @admin.display(description=gettext_lazy("can"), empty_value="–")
    def can(self, model: ChatModel) -> str:
        """What it can beside writing."""
        return ", ".join(str(each.label) for each in model.capabilities)

    @admin.display(description=gettext_lazy("channels"))
    def served_by(self, model: ChatModel) -> str:
        """The channels that it is asked at, first choice first; nobody is offered a model without one."""
        routes = sorted(model.routes.all(), key=lambda route: (route.priority, route.channel.code))
        return ", ".join(route.channel.code for route in routes if route.is_enabled) or _("none yet")

    @admin.display(description=gettext_lazy("price"))
    def price_now(self, model: ChatModel) -> str:
        """What is asked for now."""
        return _price_in_words(model.price.terms) + _extras_in_words(model.price.extras)

    def explain(self, refusal: DomainError) -> str:
        """What a price has to be."""
        if isinstance(refusal, errors.ConfigurationNotValid):
            return str(_NEEDED.get(str(refusal.context["field"]), _(refusal.title)))
        return super().explain(refusal)

    def save_model(self, request: HttpRequest, obj: ChatModel, form: Any, change: bool) -> None:
        """Save through the service, which records who, what and why."""
        values = {name: getattr(obj, name) for name in ModelForm.Meta.fields}
        services.save_model(**values, price=form.terms(), extras=form.extras(), **self.said(request, form))
        obj.pk = ChatModel.objects.get(code=obj.code).pk


class PolicyForm(ReasonedForm):
    """The limits for everybody."""

    class Meta:
        model = ChatPolicy
        fields = (
            "free_per_day",
            "max_running",
            "max_unpaid_per_day",
            "max_message_chars",
            "max_per_minute",
            "allows_own_addresses",
        )


@admin.register(ChatPolicy)
class ChatPolicyAdmin(ConfigurationAdmin):
    """The one row of limits."""

    task = Task.CHAT
    form = PolicyForm
    key_fields = ()
    list_display = (
        "free_per_day",
        "max_running",
        "max_unpaid_per_day",
        "max_message_chars",
        "max_per_minute",
        "allows_own_addresses",
        "updated_at",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Once."""
        return super().has_add_permission(request) and not ChatPolicy.objects.exists()

    def save_model(self, request: HttpRequest, obj: ChatPolicy, form: Any, change: bool) -> None:
        """Save through the service, which records who, what and why."""
        services.save_policy(
            policy=Policy(**{name: getattr(obj, name) for name in PolicyForm.Meta.fields}),
            **self.said(request, form),
        )
        obj.pk = 1
