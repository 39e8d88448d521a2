"""Where a question goes: the targets of a generation, in the order in which they are asked."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import count
from uuid import UUID

from apps.chat import rules, selectors
from apps.chat.contracts import Target
from apps.chat.selectors import OpenRoute
from apps.kernel.fresh import Fresh

_routes = Fresh(selectors.open_routes)
# By channel: whose turn it is among its keys, in this process.
_turns: defaultdict[str, Iterator[int]] = defaultdict(count)


def targets_of(*, model_id: UUID, generation_id: UUID, now: datetime, full: Collection[str] = ()) -> tuple[Target, ...]:
    """Where this generation can be asked now, first choice first; channels of the codes in `full` come to nothing.

    The keys of a channel follow each other, and take turns in coming first. What operators change counts within two
    seconds.
    """
    if model_id not in _routes.get():
        # One whose first route is younger than what we read is not refused for that.
        forget()
    open_routes = [route for route in _routes.get().get(model_id, ()) if route.channel not in full]
    ordered = rules.order_of_asking(open_routes, generation_id=generation_id)
    return tuple(target for route in ordered for target in _awake(route, now))


def full_models(*, full: Collection[str]) -> list[UUID]:
    """The models all of whose channels are among these."""
    if not full:
        return []
    return [model_id for model_id, routes in _routes.get().items() if all(route.channel in full for route in routes)]


def forget() -> None:
    """Read the routes anew: they have just been changed."""
    _routes.forget()


def _awake(route: OpenRoute, now: datetime) -> list[Target]:
    targets = [target for target, until in route.targets if until is None or until <= now]
    first = next(_turns[route.channel]) % len(targets) if targets else 0
    return targets[first:] + targets[:first]
