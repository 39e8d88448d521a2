"""What operators configure of channels: their addresses, keys, and the routes of models to them."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from apps.chat import errors, rules
from apps.chat.contracts import OPENAI_COMPATIBLE
from apps.chat.models import Channel, ChannelKey, ChatModel, Route
from apps.chat.registries import CHANNELS
from apps.chat.services import catalogue, routing
from apps.kernel import audit, configuration, sealing

logger = logging.getLogger(__name__)


def save_channel(
    *,
    code: str,
    base_url: str,
    api_key: str | None,
    now: datetime,
    kind: str = OPENAI_COMPATIBLE,
    proxy_url: str = "",
    is_enabled: bool = True,
    is_forced: bool = False,
    limits: Mapping[str, int] | None = None,
    actor: str = audit.SYSTEM,
    reason: str = "configuration",
) -> None:
    """Create or change the channel of this code, and enter its first key; api_key None keeps the keys that it has.

    Without `proxy_url` its calls go out directly, whatever the machine's environment says. Keys go nowhere but to the
    scheme, host, port and proxy that they were entered for: a channel that moves is given its first key again, and
    its other keys are forgotten. One that is forced is asked whatever its failures. `limits` are those of
    `rules.CHANNEL_LIMITS` that shall be others than the usual ones. Raises CodeUnknown, ConfigurationNotValid,
    ChannelKeyNeeded.
    """
    rules.check_channel_addresses(base_url=base_url, proxy_url=proxy_url)
    if api_key is not None and not rules.is_header_value(api_key):
        raise errors.ConfigurationNotValid(field="api_key")
    if api_key is None and not Channel.objects.filter(code=code).exists():
        raise errors.ConfigurationNotValid(field="api_key")
    values: dict[str, Any] = {
        "kind": CHANNELS[kind].code,
        "base_url": base_url,
        "proxy_url": proxy_url,
        "is_enabled": is_enabled,
        "is_forced": is_forced,
        **rules.channel_limits(limits or {}),
    }
    by: dict[str, Any] = {"actor": actor, "reason": reason, "now": now}
    moved: list[Channel] = []

    def check(channel: Channel) -> None:
        try:
            rules.check_key_may_stay(saved=(channel.base_url, channel.proxy_url), wanted=(base_url, proxy_url))
        except errors.ChannelKeyNeeded:
            if api_key is None:
                raise
            moved.append(channel)

    with transaction.atomic():
        channel = configuration.save(Channel, key={"code": code}, values=values, check=check, **by)
        if moved:
            for key in channel.keys.exclude(name=rules.FIRST_KEY).exclude(api_key_sealed="").order_by("pk"):
                _save_key(key.channel, key.name, {"api_key_sealed": "", "hint": "", "is_enabled": False}, **by)
        if api_key is not None:
            _save_key(channel, rules.FIRST_KEY, {**_sealed(api_key), "is_enabled": True}, **by)
            channel.keys.filter(name=rules.FIRST_KEY).update(sleeps_until=None, sleep_reason="")
    catalogue.forget()


def save_channel_key(
    *,
    channel_code: str,
    name: str,
    api_key: str | None,
    now: datetime,
    is_enabled: bool = True,
    actor: str = audit.SYSTEM,
    reason: str = "configuration",
) -> None:
    """Create or change a key of a channel, and wake it; api_key None keeps what was entered.

    Keys take turns. Raises ConfigurationNotValid: no such channel, or no key that could be sent.
    """
    if api_key is not None and not rules.is_header_value(api_key):
        raise errors.ConfigurationNotValid(field="api_key")
    with transaction.atomic():
        # Its address stays until the key, which was entered for it, is there.
        channel = Channel.objects.select_for_update(of=("self",), no_key=True).filter(code=channel_code).first()
        if channel is None:
            raise errors.ConfigurationNotValid(field="channel_code")
        if api_key is None and not channel.keys.filter(name=name).exclude(api_key_sealed="").exists():
            raise errors.ConfigurationNotValid(field="api_key")
        values = {"is_enabled": is_enabled, **({} if api_key is None else _sealed(api_key))}
        _save_key(channel, name, values, actor=actor, reason=reason, now=now)
        channel.keys.filter(name=name).update(sleeps_until=None, sleep_reason="")
    routing.forget()


def rest_key(*, key_id: UUID, reason: str, now: datetime) -> bool:
    """Let a key sleep that its provider refuses, and say so once; False when it sleeps already.

    `reason` is the code of an attempt. The channel goes on with its other keys.
    """
    until = now + rules.KEY_SLEEP
    is_over = routing.is_over("sleeps_until", now=now, longest=rules.KEY_SLEEP)
    awake = ChannelKey.objects.filter(Q(sleeps_until=None) | is_over, pk=key_id)
    if not awake.update(sleeps_until=until, sleep_reason=reason):
        return False
    key = ChannelKey.objects.select_related("channel").get(pk=key_id)
    logger.error("channel %s: key %s sleeps until %s: %s", key.channel.code, key.name, until.isoformat(), reason)
    routing.forget()
    return True


def follow_port(*, base_url: str, api_key: str, now: datetime, reason: str) -> None:
    """Bring the channels that differ from this address of this machine in the port alone to it: the site has moved.

    Raises ConfigurationNotValid.
    """
    for channel in Channel.objects.order_by("code"):
        if rules.differ_in_port(channel.base_url, base_url):
            save_as_it_is(channel, base_url=base_url, api_key=api_key, reason=reason, now=now)


def save_as_it_is(channel: Channel, **changes: Any) -> None:
    """save_channel() with all that this row says but for `changes`, by name. Raises what that raises."""
    same = {name: getattr(channel, name) for name in ("kind", "base_url", "proxy_url", "is_enabled", "is_forced")}
    limits = {name: getattr(channel, name) for name in rules.CHANNEL_LIMITS}
    save_channel(**{"code": channel.code, "api_key": None, "limits": limits, **same, **changes})


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
    catalogue.forget()


def _sealed(api_key: str) -> dict[str, Any]:
    return {"api_key_sealed": sealing.seal("channel_key", api_key), "hint": rules.hint_of(api_key)}


def _save_key(channel: Channel, name: str, values: dict[str, Any], **by: Any) -> None:
    ends = {"channel": channel, "name": name}
    configuration.save(ChannelKey, key=ends, values={**ends, **values}, **by)
