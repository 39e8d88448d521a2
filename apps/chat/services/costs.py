"""What routes cost us: each version once, the last one for what is settled from now on."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.chat import errors, rules
from apps.chat.contracts import UpstreamCost
from apps.chat.models import Route, RouteCost
from apps.kernel import audit, configuration
from apps.kernel.db import one_at_a_time
from apps.kernel.fresh import Fresh


def _present_costs() -> Mapping[UUID, RouteCost]:
    """The last version of each route, by its id."""
    return {cost.route_id: cost for cost in RouteCost.objects.order_by("number")}


_costs = Fresh(_present_costs)


def save_route_cost(
    *,
    model_code: str,
    channel_code: str,
    cost: UpstreamCost,
    now: datetime,
    actor: str = audit.SYSTEM,
    reason: str = "configuration",
) -> None:
    """Say what a model costs us at a channel. What is settled within two seconds may still count the version before.

    The same again changes nothing. Raises ConfigurationNotValid.
    """
    rules.check_cost(cost)
    with transaction.atomic():
        one_at_a_time(f"chat.save_route_cost:{model_code}@{channel_code}")
        route = Route.objects.filter(model__code=model_code, channel__code=channel_code).first()
        if route is None:
            raise errors.ConfigurationNotValid(field="channel_code")
        last = RouteCost.objects.filter(route=route).order_by("-number").first()
        if last is not None and last.terms == cost:
            return
        number = 1 if last is None else last.number + 1
        configuration.save(
            RouteCost,
            key={"code": f"{model_code}@{channel_code}/{number}"},
            values={"route": route, "number": number, **asdict(cost)},
            actor=actor,
            reason=reason,
            now=now,
        )
    _costs.forget()


def cost_of(route_id: UUID | None) -> RouteCost | None:
    """What this route costs us now; None where nobody has said."""
    return None if route_id is None else _costs.get().get(route_id)
