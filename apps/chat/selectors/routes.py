"""Reads of the routes: which channels serve which models."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef

from apps.chat.contracts import Target
from apps.chat.models import Channel, Route
from apps.chat.registries import CHANNELS
from apps.kernel import sealing

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class OpenRoute:
    """A route that can be asked, and where."""

    priority: int
    weight: int
    target: Target

    @property
    def route_id(self) -> UUID:
        """Its id."""
        return self.target.route_id


def is_served() -> Exists:
    """Whether a model has a route that is switched on, as its channel is: for queries of models."""
    return Exists(Route.objects.filter(model=OuterRef("pk"), is_enabled=True, channel__is_enabled=True))


def open_routes() -> Mapping[UUID, tuple[OpenRoute, ...]]:
    """The routes of each model, by its id, that are switched on and can be asked. Why another cannot is logged."""
    found: defaultdict[UUID, list[OpenRoute]] = defaultdict(list)
    switched_on = Route.objects.filter(is_enabled=True, channel__is_enabled=True)
    for route in switched_on.select_related("channel").order_by("pk"):
        if (api_key := _usable_key(route.channel)) is not None:
            target = Target(
                route_id=route.pk,
                channel=route.channel.code,
                channel_kind=route.channel.kind,
                base_url=route.channel.base_url,
                proxy_url=route.channel.proxy_url,
                api_key=api_key,
                upstream_model=route.upstream_name,
            )
            found[route.model_id].append(OpenRoute(priority=route.priority, weight=route.weight, target=target))
    return {model_id: tuple(routes) for model_id, routes in found.items()}


def _usable_key(channel: Channel) -> str | None:
    """The channel's key, if a class stands for its kind (I-02-codes names it, too) and the key can be opened."""
    if channel.kind not in CHANNELS:
        logger.error("channel %s: nobody speaks %s", channel.code, channel.kind)
        return None
    api_key = sealing.unseal("channel_key", channel.api_key_sealed)
    if api_key is None:
        logger.error("channel %s: no SEALING_KEY opens its key; enter it again", channel.code)
    return api_key
