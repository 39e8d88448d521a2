"""Reads of members' own keys: which there are, which one a question is asked with, and where."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from apps.chat.contracts import OWN_KEYS, ModelKind, OwnKeyPlace, OwnKeyState, Target
from apps.chat.models import ChatPolicy, Generation, OwnKey, Route
from apps.chat.registries import CHANNELS
from apps.chat.rules import is_our_own
from apps.chat.rules.own_keys import MAX_RUNNING_OWN
from apps.kernel import sealing
from apps.kernel.db import Given
from apps.kernel.ids import UserId, new_id

logger = logging.getLogger(__name__)


def own_key_of(user_id: UserId | Given) -> Subquery:
    """The own key that this member's questions to a model are asked with, the one entered first; for queries of
    models.
    """
    routes = Route.objects.filter(
        model=OuterRef(OuterRef("pk")), is_enabled=True, channel__is_enabled=True, channel__kind=OuterRef("kind")
    )
    keys = OwnKey.objects.filter(Exists(routes), _may_be_asked(), user_id=user_id, is_enabled=True)
    return Subquery(keys.order_by("pk").values("pk")[:1])


def own_key_places() -> dict[str, OwnKeyPlace]:
    """The kinds of which members may have own keys, by code: those whose models can be asked, where they can be."""
    models: defaultdict[str, list[str]] = defaultdict(list)
    for route in _routes(model__is_enabled=True).order_by("model__sort", "model__code", "pk"):
        if route.model.is_visible and route.model.name not in models[route.channel.kind]:
            models[route.channel.kind].append(route.model.name)
    may_move = ChatPolicy.objects.filter(allows_own_addresses=True).exists()
    places = {}
    for kind in CHANNELS:
        url = kind.own_key_url()
        if models[kind.code] and (url or may_move):
            places[kind.code] = OwnKeyPlace(
                kind=kind.code, label=kind.label, models=tuple(models[kind.code]), base_url=url, may_move=may_move
            )
    return places


def own_keys_of(*, user_id: UserId) -> list[OwnKeyState]:
    """How the member's own keys stand, of each kind that there may be one of, and of those that they still have."""
    rows = {row.kind: row for row in OwnKey.objects.filter(user_id=user_id).order_by("pk")}
    places = own_key_places()
    for kind in rows.keys() - places.keys():
        label = CHANNELS[kind].label if kind in CHANNELS else kind
        places[kind] = OwnKeyPlace(kind=kind, label=label, models=(), base_url="", may_move=False)
    return [own_key_state(place, rows.get(kind)) for kind, place in places.items()]


def own_key_state(place: OwnKeyPlace, row: OwnKey | None) -> OwnKeyState:
    """How a key stands, without a sign of it but its hint."""
    if row is None:
        return OwnKeyState(place=place)
    shown = ("is_enabled", "hint", "base_url", "updated_at", "tested_at", "test_code")
    return OwnKeyState(place=place, is_entered=True, **{name: getattr(row, name) for name in shown})


def targets_of_own_keys(rows: Iterable[Generation]) -> Mapping[UUID, tuple[Target, ...]]:
    """Where these generations are asked with their members' own keys, by their ids; nowhere where a key is gone."""
    asked = [row for row in rows if row.own_key_id is not None]
    if not asked:
        return {}
    keys = OwnKey.objects.filter(_may_be_asked(), pk__in={row.own_key_id for row in asked}).in_bulk()
    routes: defaultdict[tuple[UUID, str], list[Route]] = defaultdict(list)
    for route in _routes(model__in={row.model_id for row in asked}):
        routes[route.model_id, route.channel.kind].append(route)
    found = {}
    for row in asked:
        key = keys.get(row.own_key_id)
        if key is not None and key.user_id == row.user_id:
            found[row.pk] = _targets(key, routes[row.model_id, key.kind])
    return found


def own_trial_target(*, kind: str, base_url: str, api_key: str) -> Target:
    """Where a key of this kind is tried: by the first of its routes to a model of texts. There is one."""
    routes = _routes(channel__kind=kind, model__is_enabled=True)
    route = min(routes, key=lambda route: (route.model.kind != ModelKind.TEXT, route.priority, route.pk))
    return _target(route, key_id=new_id(), base_url=base_url, api_key=api_key)


def _routes(**which: Any) -> QuerySet[Route]:
    """Those that are on, as their channels are, the first that is asked first."""
    on = Route.objects.filter(is_enabled=True, channel__is_enabled=True, **which)
    return on.select_related("channel", "model").order_by("priority", "pk")


def _targets(key: OwnKey, routes: Sequence[Route]) -> tuple[Target, ...]:
    api_key = sealing.unseal("own_key", key.api_key_sealed)
    if api_key is None:
        logger.error("own key %s: no SEALING_KEY opens it; its member has to enter it again", key.pk)
        return ()
    if not routes or (not key.base_url and not CHANNELS[key.kind].own_key_url()):
        return ()
    return (_target(routes[0], key_id=key.pk, base_url=key.base_url, api_key=api_key),)


def _target(route: Route, *, key_id: UUID, base_url: str, api_key: str) -> Target:
    """A place of the member's own: by the route its model's name and its times are the channel's, and no more."""
    channel = route.channel
    url = base_url or CHANNELS[channel.kind].own_key_url()
    return Target(
        route_id=route.pk,
        key_id=key_id,
        channel=OWN_KEYS,
        channel_kind=channel.kind,
        base_url=url,
        # The operators' way to a provider is theirs to open; to the same provider they have opened it.
        proxy_url=channel.proxy_url if not base_url and is_our_own(channel.base_url, own=url) else "",
        api_key=api_key,
        upstream_model=route.upstream_name,
        max_running=MAX_RUNNING_OWN,
        connect_seconds=channel.connect_ms / 1000,
        first_word_seconds=channel.first_word_ms / 1000,
        silence_seconds=channel.silence_ms / 1000,
        total_seconds=channel.total_ms / 1000,
        is_own=True,
        is_guarded=bool(base_url),
    )


def _may_be_asked() -> Q:
    """Of keys: those at their kind's address, and where operators allow it those at their members'."""
    return Q(base_url="") | Q(Exists(ChatPolicy.objects.filter(allows_own_addresses=True)))
