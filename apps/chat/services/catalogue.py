"""What operators configure: channels, models, limits. Saving the same again changes nothing and leaves no entry."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.chat import errors, rules, selectors
from apps.chat.contracts import OPENAI_COMPATIBLE, PerAnswer, Policy, Price, PriceKind
from apps.chat.models import Channel, ChatModel, ChatPolicy, ModelPrice, Route
from apps.chat.registries import CHANNELS
from apps.chat.services import routing
from apps.chat.services.chain import as_ruled
from apps.kernel import audit, configuration, sealing
from apps.kernel.db import one_at_a_time
from apps.kernel.fresh import Fresh

_policy_on_show = Fresh(selectors.policy_on_show)


def save_channel(
    *,
    code: str,
    base_url: str,
    api_key: str | None,
    now: datetime,
    kind: str = OPENAI_COMPATIBLE,
    proxy_url: str = "",
    is_enabled: bool = True,
    actor: str = audit.SYSTEM,
    reason: str = "configuration",
) -> None:
    """Create or change the channel of this code; api_key None keeps the key that it has.

    Without `proxy_url` its calls go out directly, whatever the machine's environment says. Raises
    CodeUnknown, ConfigurationNotValid, ChannelKeyNeeded (the kept key would go to another scheme, host, port or proxy).
    """
    rules.check_channel_addresses(base_url=base_url, proxy_url=proxy_url)
    if api_key is not None and not rules.is_header_value(api_key):
        raise errors.ConfigurationNotValid(field="api_key")
    values: dict[str, Any] = {
        "kind": CHANNELS[kind].code,
        "base_url": base_url,
        "proxy_url": proxy_url,
        "is_enabled": is_enabled,
    }
    if api_key:
        values["api_key_sealed"] = sealing.seal("channel_key", api_key)
    elif not Channel.objects.filter(code=code).exists():
        raise errors.ConfigurationNotValid(field="api_key")

    def check(channel: Channel) -> None:
        if not api_key:
            rules.check_key_may_stay(saved=(channel.base_url, channel.proxy_url), wanted=(base_url, proxy_url))

    configuration.save(Channel, key={"code": code}, values=values, actor=actor, reason=reason, now=now, check=check)
    _forget()


def follow_port(*, base_url: str, api_key: str, now: datetime, reason: str) -> None:
    """Bring the channels that differ from this address of this machine in the port alone to it: the site has moved.

    Raises ConfigurationNotValid.
    """
    for channel in Channel.objects.order_by("code"):
        if rules.differ_in_port(channel.base_url, base_url):
            save_channel(
                code=channel.code,
                kind=channel.kind,
                base_url=base_url,
                proxy_url=channel.proxy_url,
                is_enabled=channel.is_enabled,
                api_key=api_key,
                reason=reason,
                now=now,
            )


def save_model(
    *,
    code: str,
    name: str,
    now: datetime,
    price: Price | None = None,
    price_milli: int | None = None,
    context_tokens: int = 16_000,
    max_output_tokens: int = 2_000,
    is_in_free_allowance: bool = True,
    needs_entitlement: bool = False,
    is_enabled: bool = True,
    sort: int = 100,
    actor: str = audit.SYSTEM,
    reason: str = "configuration",
) -> None:
    """Create or change the model of this code. Another price is a new version, for generations from now on.

    `price_milli` is short for a price per answer. Raises ConfigurationNotValid.
    """
    terms = price or PerAnswer(answer_milli=price_milli or 0)
    rules.check_price(terms)
    if not 0 < max_output_tokens < context_tokens <= rules.MOST_CONTEXT_TOKENS:
        raise errors.ConfigurationNotValid(field="max_output_tokens")
    values: dict[str, Any] = {
        "name": name,
        "context_tokens": context_tokens,
        "max_output_tokens": max_output_tokens,
        "is_in_free_allowance": is_in_free_allowance,
        "needs_entitlement": needs_entitlement,
        "is_enabled": is_enabled,
        "sort": sort,
    }
    with transaction.atomic():
        one_at_a_time(f"chat.save_model:{code}")
        values["price"] = _price(code=code, terms=terms, actor=actor, reason=reason, now=now)
        configuration.save(ChatModel, key={"code": code}, values=values, actor=actor, reason=reason, now=now)
    _forget()


def save_route(
    *,
    model_code: str,
    channel_code: str,
    upstream_name: str,
    now: datetime,
    priority: int = 1,
    weight: int = 1,
    is_enabled: bool = True,
    actor: str = audit.SYSTEM,
    reason: str = "configuration",
) -> None:
    """Let a channel serve a model under the name that it has there, or change how.

    The smallest priority is asked first; the weight is a route's share among those of the same priority. Raises
    ConfigurationNotValid.
    """
    model = ChatModel.objects.filter(code=model_code).first()
    channel = Channel.objects.filter(code=channel_code).first()
    if model is None or channel is None:
        raise errors.ConfigurationNotValid(field="model_code" if model is None else "channel_code")
    if not upstream_name:
        raise errors.ConfigurationNotValid(field="upstream_name")
    if weight < 1 or priority < 0:
        raise errors.ConfigurationNotValid(field="weight" if weight < 1 else "priority")
    ends = {"model": model, "channel": channel}
    values = {"upstream_name": upstream_name, "priority": priority, "weight": weight, "is_enabled": is_enabled}
    configuration.save(Route, key=ends, values={**ends, **values}, actor=actor, reason=reason, now=now)
    _forget()


def save_policy(*, policy: Policy, now: datetime, actor: str = audit.SYSTEM, reason: str = "configuration") -> None:
    """Replace the limits for everybody. Raises ConfigurationNotValid."""
    at_least_one = (policy.max_running, policy.max_message_chars, policy.max_unpaid_per_day, policy.max_per_minute)
    if policy.free_per_day < 0 or min(at_least_one) < 1:
        raise errors.ConfigurationNotValid(field="policy")
    configuration.save(ChatPolicy, key={"id": 1}, values=asdict(policy), actor=actor, reason=reason, now=now)
    _policy_on_show.forget()


def policy_on_show() -> Policy:
    """The limits as pages tell them, a second old at most: where no model takes free messages, `free_per_day` is 0."""
    return as_ruled(_policy_on_show.get())


def check_models(*, model_ids: Collection[str]) -> None:
    """Make sure that these models exist, switched on or not. Raises ModelNotFound for the first that does not."""
    known = set(ChatModel.objects.filter(code__in=model_ids).values_list("code", flat=True))
    for model_id in model_ids:
        if model_id not in known:
            raise errors.ModelNotFound(model=model_id)


def _forget() -> None:
    _policy_on_show.forget()
    routing.forget()


def _price(*, code: str, terms: Price, actor: str, reason: str, now: datetime) -> ModelPrice:
    """The version of the model's price that says this: the present one, or the next."""
    model = ChatModel.objects.select_related("price").filter(code=code).first()
    if model is not None and model.price.terms == terms:
        return model.price
    number = 1 if model is None else model.price.number + 1
    kind = PriceKind.PER_ANSWER if isinstance(terms, PerAnswer) else PriceKind.PER_TOKENS
    return configuration.save(
        ModelPrice,
        key={"code": f"{code}/{number}"},
        values={"number": number, "kind": kind.value, **asdict(terms)},
        actor=actor,
        reason=reason,
        now=now,
    )
