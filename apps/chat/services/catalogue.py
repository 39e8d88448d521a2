"""What operators configure: models, limits. Saving the same again changes nothing and leaves no entry."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.chat import errors, rules, selectors
from apps.chat.contracts import (
    Extras,
    ModelKind,
    PerAnswer,
    PerImage,
    PerTokens,
    Policy,
    Price,
    PriceKind,
    Tokenizer,
)
from apps.chat.models import ChatModel, ChatPolicy, ImageRate, ModelPrice
from apps.chat.rules import charging
from apps.chat.services import routing
from apps.kernel import audit, configuration
from apps.kernel.db import one_at_a_time
from apps.kernel.fresh import Fresh

_KINDS: Mapping[type[Price], PriceKind] = {
    PerAnswer: PriceKind.PER_ANSWER,
    PerTokens: PriceKind.PER_TOKENS,
    PerImage: PriceKind.PER_IMAGE,
}
_policy_on_show = Fresh(selectors.policy_on_show)


def save_model(
    *,
    code: str,
    name: str,
    now: datetime,
    kind: str = ModelKind.TEXT,
    has_vision: bool = False,
    has_reasoning: bool = False,
    has_tools: bool = False,
    has_search: bool = False,
    extras: Extras = Extras(),  # noqa: B008  # frozen
    price: Price | None = None,
    price_milli: int | None = None,
    tokenizer: str = Tokenizer.BY_CODE,
    context_tokens: int = 16_000,
    max_output_tokens: int = 2_000,
    is_in_free_allowance: bool = True,
    needs_entitlement: bool = False,
    is_enabled: bool = True,
    is_visible: bool = True,
    sort: int = 100,
    actor: str = audit.SYSTEM,
    reason: str = "configuration",
) -> None:
    """Create or change the model of this code. Another price is a new version, for generations from now on.

    `price_milli` is short for a price per answer, `extras` are asked on top, for what the model can; a price counts
    what models of this `kind` make. One that is not visible stands on no page and in no list, and answers who names it.
    Raises ConfigurationNotValid.
    """
    terms = price or PerAnswer(answer_milli=price_milli or 0)
    abilities = {
        "has_vision": has_vision,
        "has_reasoning": has_reasoning,
        "has_tools": has_tools,
        "has_search": has_search,
    }
    if kind not in ModelKind.values or (kind != ModelKind.TEXT and any(abilities.values())):
        raise errors.ConfigurationNotValid(field="kind")
    if tokenizer not in Tokenizer.values:
        raise errors.ConfigurationNotValid(field="tokenizer")
    rules.check_price(terms)
    if isinstance(terms, PerImage):
        terms = replace(terms, rates=charging.in_order(terms.rates))
    rules.check_extras(extras, can_think=has_reasoning, can_search=has_search)
    rules.check_price_fits(terms, kind=ModelKind(kind))
    if not 0 < max_output_tokens < context_tokens <= rules.MOST_CONTEXT_TOKENS:
        raise errors.ConfigurationNotValid(field="max_output_tokens")
    values: dict[str, Any] = {
        "name": name,
        "kind": ModelKind(kind).value,
        **abilities,
        "tokenizer": Tokenizer(tokenizer).value,
        "context_tokens": context_tokens,
        "max_output_tokens": max_output_tokens,
        "is_in_free_allowance": is_in_free_allowance,
        "needs_entitlement": needs_entitlement,
        "is_enabled": is_enabled,
        "is_visible": is_visible,
        "sort": sort,
    }
    with transaction.atomic():
        one_at_a_time(f"chat.save_model:{code}")
        values["price"] = _price(code=code, terms=terms, extras=extras, actor=actor, reason=reason, now=now)
        configuration.save(ChatModel, key={"code": code}, values=values, actor=actor, reason=reason, now=now)
    forget()


def save_policy(*, policy: Policy, now: datetime, actor: str = audit.SYSTEM, reason: str = "configuration") -> None:
    """Replace the limits for everybody. Raises ConfigurationNotValid."""
    at_least_one = (policy.max_running, policy.max_message_chars, policy.max_unpaid_per_day, policy.max_per_minute)
    if policy.free_per_day < 0 or min(at_least_one) < 1:
        raise errors.ConfigurationNotValid(field="policy")
    configuration.save(ChatPolicy, key={"id": 1}, values=asdict(policy), actor=actor, reason=reason, now=now)
    _policy_on_show.forget()


def policy_on_show() -> Policy:
    """The limits as pages tell them, a second old at most: where no message is free, `free_per_day` is 0."""
    return _policy_on_show.get()


def forget() -> None:
    """Read anew what pages tell, and what the engine asks: the configuration has just been changed."""
    _policy_on_show.forget()
    routing.forget()


def check_models(*, model_ids: Collection[str]) -> None:
    """Make sure that these models exist, switched on or not. Raises ModelNotFound for the first that does not."""
    known = set(ChatModel.objects.filter(code__in=model_ids).values_list("code", flat=True))
    for model_id in model_ids:
        if model_id not in known:
            raise errors.ModelNotFound(model=model_id)


def _price(*, code: str, terms: Price, extras: Extras, actor: str, reason: str, now: datetime) -> ModelPrice:
    """The version of the model's price that says this: the present one, or the next."""
    model = ChatModel.objects.select_related("price").filter(code=code).first()
    if model is not None and (model.price.terms, model.price.extras) == (terms, extras):
        return model.price
    number = 1 if model is None else model.price.number + 1
    kind = _KINDS[type(terms)]
    asked = asdict(terms)
    rates = asked.pop("rates", ())
    said: dict[str, Any] = {"actor": actor, "reason": reason, "now": now}
    price = configuration.save(
        ModelPrice,
        key={"code": f"{code}/{number}"},
        values={"number": number, "kind": kind.value, **asked, **asdict(extras)},
        **said,
    )
    for rate in rates:
        name = f"{price.code} {rate['size']} {rate['quality']}".strip()
        configuration.save(ImageRate, key={"code": name}, values={"price": price, **rate}, **said)
    return price
