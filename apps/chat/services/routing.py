"""Where a question goes: the targets of a generation, in the order in which they are asked."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from django.db.models import Q

from apps.chat import rules, selectors
from apps.chat.contracts import Target
from apps.chat.registries import CHANNELS
from apps.chat.rules import breaker
from apps.chat.selectors import OpenRoute
from apps.kernel.fresh import Fresh

# How far the clocks of our hosts may be apart.
CLOCKS_APART = timedelta(minutes=2)

_routes = Fresh(selectors.open_routes)
# By channel: whose turn it is among its keys, in this process.
_turns: defaultdict[str, Iterator[int]] = defaultdict(count)
# Until when a key is busy with a model: no more of them than keys times routes.
_busy_until: dict[tuple[UUID, UUID], datetime] = {}


def targets_of(
    *,
    model_id: UUID,
    generation_id: UUID,
    now: datetime,
    has_room: Callable[[Target], bool] = lambda target: True,
    searches: bool = False,
) -> tuple[Target, ...]:
    """Where this generation can be asked now, first choice first; a channel without room comes to nothing.

    Nor does one that is left alone for its failures; when it may be tried again, its target says so. The keys of a
    channel follow each other, and take turns in coming first; who said that it is busy comes last. What operators
    change, and what other engines find out, counts within two seconds. `searches` leaves out who cannot be asked to.
    """
    if model_id not in _routes.get():
        # One whose first route is younger than what we read is not refused for that.
        forget()
    open_routes = [route for route in _routes.get().get(model_id, ()) if has_room(route.targets[0][0])]
    ordered = rules.order_of_asking(open_routes, generation_id=generation_id)
    targets = [target for route in ordered for target in _askable(route, now)]
    if searches:
        targets = [target for target in targets if CHANNELS[target.channel_kind].searches]
    return tuple(sorted(targets, key=lambda target: _busy_until.get(_place(target), now) > now))


def full_models(*, has_room: Callable[[Target], bool]) -> list[UUID]:
    """The models none of whose channels has room."""
    return [
        model_id
        for model_id, routes in _routes.get().items()
        if not any(has_room(route.targets[0][0]) for route in routes)
    ]


def ask_last(*, target: Target, until: datetime) -> None:
    """Its provider wants to be asked later: whoever asks before then shall try all others first, in this process."""
    _busy_until[_place(target)] = until


def forget() -> None:
    """Read the routes anew: they have just been changed."""
    _routes.forget()


def _place(target: Target) -> tuple[UUID, UUID]:
    return target.route_id, target.key_id


def _askable(route: OpenRoute, now: datetime) -> list[Target]:
    targets = [target for target, until in route.targets if not _waits(until, now, rules.KEY_SLEEP)]
    first = next(_turns[route.channel]) % len(targets) if targets else 0
    targets = targets[first:] + targets[:first]
    if route.health is None:
        return targets
    retry_at = route.health.retry_at
    if _waits(retry_at, now, breaker.LONGEST_PAUSE):
        return []
    return [replace(target, is_ailing=True, needs_probe=retry_at is not None) for target in targets]


def _waits(until: datetime | None, now: datetime, longest: timedelta) -> bool:
    """Whether this moment is still to come. Who put it further off than we ever do had a clock that was ahead."""
    return until is not None and now < until <= now + longest + CLOCKS_APART


def is_over(column: str, *, now: datetime, longest: timedelta) -> Q:
    """Rows whose moment in this column is not waited for."""
    return Q(**{f"{column}__lte": now}) | Q(**{f"{column}__gt": now + longest + CLOCKS_APART})
