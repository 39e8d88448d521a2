"""Where a question goes: the targets of a generation, in the order in which they are asked."""

from collections.abc import Collection
from uuid import UUID

from apps.chat import rules, selectors
from apps.chat.contracts import Target
from apps.kernel.fresh import Fresh

_routes = Fresh(selectors.open_routes)


def targets_of(*, model_id: UUID, generation_id: UUID, full: Collection[str] = ()) -> tuple[Target, ...]:
    """Where this generation can be asked now, first choice first; channels of the codes in `full` come to nothing.

    What operators change counts within two seconds.
    """
    if model_id not in _routes.get():
        # One whose first route is younger than what we read is not refused for that.
        forget()
    routes = rules.order_of_asking(_routes.get().get(model_id, ()), generation_id=generation_id)
    return tuple(route.target for route in routes if route.target.channel not in full)


def full_models(*, full: Collection[str]) -> list[UUID]:
    """The models all of whose channels are among these."""
    if not full:
        return []
    return [
        model_id for model_id, routes in _routes.get().items() if all(route.target.channel in full for route in routes)
    ]


def forget() -> None:
    """Read the routes anew: they have just been changed."""
    _routes.forget()
