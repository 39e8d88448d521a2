"""The ways of paying, by code."""

from collections.abc import Callable

from apps.orders.errors import GatewayUnknown
from apps.orders.gateways import wechat_pay
from apps.orders.gateways.contract import Gateway

__all__ = ["REGISTRY", "Gateway", "for_code", "preferred"]

# Each entry gives the gateway, or None where it is not set up; the shop offers the first that is
# (docs/how-to/add-a-gateway.md).
REGISTRY: dict[str, Callable[[], Gateway | None]] = {"wechat": wechat_pay.from_settings}


def preferred() -> str:
    """The code of the gateway that the shop offers: the first that is set up, or else the first."""
    return next((code for code, made in REGISTRY.items() if made()), next(iter(REGISTRY)))


def for_code(code: str) -> Gateway:
    """The gateway with this code.

    Raises GatewayUnknown, also for one that is not set up here.
    """
    gateway = REGISTRY[code]() if code in REGISTRY else None
    if gateway is None:
        raise GatewayUnknown(gateway=code[:16])
    return gateway
