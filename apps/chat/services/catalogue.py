"""What operators configure: channels, models, limits. Saving is idempotent by code and leaves an audit entry."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from apps.chat import errors, selectors
from apps.chat.contracts import ChannelKind, Policy
from apps.chat.models import Channel, ChatModel, ChatPolicy
from apps.chat.services import secrets
from apps.kernel import audit

_CHANNEL_FIELDS = ("kind", "base_url", "is_enabled")
_MODEL_FIELDS = (
    "name",
    "upstream_name",
    "price_milli",
    "context_tokens",
    "max_output_tokens",
    "is_in_free_allowance",
    "needs_entitlement",
    "is_enabled",
    "sort",
)


def save_channel(
    *,
    code: str,
    base_url: str,
    api_key: str | None,
    now: datetime,
    kind: ChannelKind = ChannelKind.OPENAI_COMPATIBLE,
    is_enabled: bool = True,
    actor: str = audit.SYSTEM,
    reason: str = "configuration",
) -> None:
    """Create or change the channel of this code; api_key None keeps the key that it has.

    Raises ConfigurationNotValid.
    """
    if urlsplit(base_url).scheme not in {"http", "https"} or not urlsplit(base_url).hostname:
        raise errors.ConfigurationNotValid(field="base_url")
    values: dict[str, Any] = {"kind": kind, "base_url": base_url, "is_enabled": is_enabled}
    with transaction.atomic():
        channel = Channel.objects.filter(code=code).first()
        if channel is None and not api_key:
            raise errors.ConfigurationNotValid(field="api_key")
        before = _facts(channel, _CHANNEL_FIELDS)
        if api_key:
            values["api_key_sealed"] = secrets.seal(api_key)
        Channel.objects.update_or_create(
            code=code,
            defaults={**values, "updated_at": now},
            create_defaults={**values, "updated_at": now, "created_at": now},
        )
        # The key itself never enters the trail, only that it was set.
        after = {**_facts_of(values, _CHANNEL_FIELDS), "api_key_changed": bool(api_key)}
        audit.record(
            actor=actor,
            action="chat.save_channel",
            target=("channel", code),
            reason=reason,
            before=before,
            after=after,
            now=now,
        )


def save_model(
    *,
    code: str,
    name: str,
    channel_code: str,
    upstream_name: str,
    price_milli: int,
    now: datetime,
    context_tokens: int = 16_000,
    max_output_tokens: int = 2_000,
    is_in_free_allowance: bool = True,
    needs_entitlement: bool = False,
    is_enabled: bool = True,
    sort: int = 100,
    actor: str = audit.SYSTEM,
    reason: str = "configuration",
) -> None:
    """Create or change the model of this code. The price holds for generations that start from now on.

    Raises ConfigurationNotValid.
    """
    if price_milli <= 0:
        raise errors.ConfigurationNotValid(field="price_milli")
    if not 0 < max_output_tokens < context_tokens:
        raise errors.ConfigurationNotValid(field="max_output_tokens")
    values: dict[str, Any] = {
        "name": name,
        "upstream_name": upstream_name,
        "price_milli": price_milli,
        "context_tokens": context_tokens,
        "max_output_tokens": max_output_tokens,
        "is_in_free_allowance": is_in_free_allowance,
        "needs_entitlement": needs_entitlement,
        "is_enabled": is_enabled,
        "sort": sort,
    }
    with transaction.atomic():
        channel = Channel.objects.filter(code=channel_code).first()
        if channel is None:
            raise errors.ConfigurationNotValid(field="channel_code")
        before = _facts(ChatModel.objects.filter(code=code).first(), _MODEL_FIELDS)
        stored = {**values, "channel": channel, "updated_at": now}
        ChatModel.objects.update_or_create(code=code, defaults=stored, create_defaults={**stored, "created_at": now})
        audit.record(
            actor=actor,
            action="chat.save_model",
            target=("model", code),
            reason=reason,
            before=before,
            after={**values, "channel": channel_code},
            now=now,
        )


def save_policy(*, policy: Policy, now: datetime, actor: str = audit.SYSTEM, reason: str = "configuration") -> None:
    """Replace the limits for everybody. Raises ConfigurationNotValid."""
    if policy.free_per_day < 0 or policy.max_running < 1 or policy.max_message_chars < 1:
        raise errors.ConfigurationNotValid(field="policy")
    with transaction.atomic():
        before = asdict(selectors.policy())
        ChatPolicy.objects.update_or_create(id=1, defaults={**asdict(policy), "updated_at": now})
        audit.record(
            actor=actor,
            action="chat.save_policy",
            target=("policy", "1"),
            reason=reason,
            before=before,
            after=asdict(policy),
            now=now,
        )


def check_models(*, model_ids: Collection[str]) -> None:
    """Make sure that these models exist, switched on or not. Raises ModelNotFound for the first that does not."""
    known = set(ChatModel.objects.filter(code__in=model_ids).values_list("code", flat=True))
    for model_id in model_ids:
        if model_id not in known:
            raise errors.ModelNotFound(model=model_id)


def _facts(row: Channel | ChatModel | None, fields: tuple[str, ...]) -> dict[str, Any] | None:
    return None if row is None else {field: getattr(row, field) for field in fields}


def _facts_of(values: dict[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {field: values[field] for field in fields}
