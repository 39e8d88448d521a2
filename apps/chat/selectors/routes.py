"""Reads of the routes: which channels serve which models."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q
from django.db.models.expressions import Combinable

from apps.chat.contracts import ModelKind, Target
from apps.chat.models import Attempt, Channel, ChannelHealth, ChannelKey, OwnKey, Route
from apps.chat.registries import CHANNELS
from apps.chat.rules.breaker import Health
from apps.kernel import sealing

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class OpenRoute:
    """A route that is switched on: a target for each key of its channel, and until when that key sleeps."""

    route_id: UUID
    channel: str
    priority: int
    weight: int
    targets: tuple[tuple[Target, datetime | None], ...]
    # None when it is well, or asked whatever its health.
    health: Health | None


def is_served() -> Exists:
    """Whether a model has a route that is switched on, as its channel is: for queries of models."""
    return Exists(Route.objects.filter(model=OuterRef("pk"), is_enabled=True, channel__is_enabled=True))


def can_search() -> Combinable:
    """Whether a model is asked where it can be asked to search: with its member's own key, or else by any of its
    channels. For queries of models that say `own_key_id`.
    """
    kinds = [kind.code for kind in CHANNELS if kind.searches]
    own = OwnKey.objects.filter(pk=OuterRef("own_key_id"), kind__in=kinds)
    routes = Route.objects.filter(model=OuterRef("pk"), is_enabled=True, channel__is_enabled=True)
    by_channels = Q(Exists(routes.filter(channel__kind__in=kinds)), own_key_id=None)
    return ExpressionWrapper(Q(Exists(own)) | by_channels, output_field=BooleanField())


def is_answering(now: datetime) -> Exists:
    """Whether a question to a model would be asked of anybody now: of a channel that is not left alone, by a key that
    is awake. For queries of models.
    """
    awake = ChannelKey.objects.filter(Q(sleeps_until=None) | Q(sleeps_until__lte=now), is_enabled=True)
    awake = awake.filter(channel=OuterRef("channel")).exclude(api_key_sealed="")
    left_alone = ChannelHealth.objects.filter(channel=OuterRef("channel"), retry_at__gt=now)
    routes = Route.objects.filter(model=OuterRef("pk"), is_enabled=True, channel__is_enabled=True)
    return Exists(routes.filter(Exists(awake), Q(channel__is_forced=True) | ~Exists(left_alone)))


def open_routes() -> Mapping[UUID, tuple[OpenRoute, ...]]:
    """The routes of each model, by its id, that are switched on and can be asked. Why another cannot is logged."""
    found: defaultdict[UUID, list[OpenRoute]] = defaultdict(list)
    switched_on = Route.objects.filter(is_enabled=True, channel__is_enabled=True)
    keys = _usable_keys()
    for route in switched_on.select_related("channel__health").order_by("pk"):
        targets = [(_target(route, key, api_key), key.sleeps_until) for key, api_key in keys[route.channel_id]]
        health = None if route.channel.is_forced else _health_of(route.channel)
        if targets and _is_spoken(route.channel):
            found[route.model_id].append(
                OpenRoute(
                    route_id=route.pk,
                    channel=route.channel.code,
                    priority=route.priority,
                    weight=route.weight,
                    targets=tuple(targets),
                    health=health,
                )
            )
    return {model_id: tuple(routes) for model_id, routes in found.items()}


# So many of a channel's keys are tried at once.
_MOST_TRIED = 5


def trial_targets(
    *, channel_id: UUID, key_id: UUID | None = None, route_id: UUID | None = None
) -> tuple[str, list[tuple[str, Target]]]:
    """The channel's code, and where it can be tried: a target for each key that can be opened, by the key's name.

    Also of what is switched off or sleeps; by one of its routes to models of texts, or the first, those that are on
    before the others.
    """
    channel = Channel.objects.get(pk=channel_id)
    routes = Route.objects.filter(channel=channel, model__kind=ModelKind.TEXT).select_related("channel")
    if route_id is not None:
        routes = routes.filter(pk=route_id)
    route = routes.order_by("-is_enabled", "priority", "model__sort", "pk").first()
    if route is None or not _is_spoken(channel):
        return channel.code, []
    keys = ChannelKey.objects.filter(channel=channel).exclude(api_key_sealed="").order_by("-is_enabled", "name")
    if key_id is not None:
        keys = keys.filter(pk=key_id)
    opened = [(key, sealing.unseal("channel_key", key.api_key_sealed)) for key in keys[:_MOST_TRIED]]
    return channel.code, [(str(key), _target(route, key, api_key)) for key, api_key in opened if api_key is not None]


def recent_failures(*, limit: int) -> list[Attempt]:
    """The last attempts of all channels that failed, newest first: by an index of those alone."""
    failed = Attempt.objects.filter(key__isnull=False).exclude(code__in=Attempt.NO_FAILURES)
    return list(failed.select_related("route__channel", "route__model").order_by("-pk")[:limit])


def _target(route: Route, key: ChannelKey, api_key: str) -> Target:
    channel = route.channel
    return Target(
        route_id=route.pk,
        key_id=key.pk,
        channel=channel.code,
        channel_kind=channel.kind,
        base_url=channel.base_url,
        proxy_url=channel.proxy_url,
        api_key=api_key,
        upstream_model=route.upstream_name,
        max_running=channel.max_running,
        connect_seconds=channel.connect_ms / 1000,
        first_word_seconds=channel.first_word_ms / 1000,
        silence_seconds=channel.silence_ms / 1000,
        total_seconds=channel.total_ms / 1000,
    )


def _health_of(channel: Channel) -> Health | None:
    health = getattr(channel, "health", None)
    return None if health is None or health.facts.is_well else health.facts


def _usable_keys() -> Mapping[UUID, list[tuple[ChannelKey, str]]]:
    """By channel, the keys that are switched on and can be opened."""
    found: defaultdict[UUID, list[tuple[ChannelKey, str]]] = defaultdict(list)
    entered = ChannelKey.objects.filter(is_enabled=True, channel__is_enabled=True).exclude(api_key_sealed="")
    for key in entered.select_related("channel").order_by("pk"):
        api_key = sealing.unseal("channel_key", key.api_key_sealed)
        if api_key is None:
            logger.error("channel %s: no SEALING_KEY opens its key %s; enter it again", key.channel.code, key.name)
        else:
            found[key.channel_id].append((key, api_key))
    return found


def _is_spoken(channel: Channel) -> bool:
    """Whether a class stands for the channel's kind; I-02-codes names it, too."""
    if channel.kind not in CHANNELS:
        logger.error("channel %s: nobody speaks %s", channel.code, channel.kind)
    return channel.kind in CHANNELS
