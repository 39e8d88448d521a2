"""How pages name an order's state; the badge's colour only supports the word."""

from django import template

from apps.orders.contracts import OrderState
from apps.orders.rules import OPEN

register = template.Library()

_KINDS = {
    OrderState.PAYING: "jade",
    OrderState.PAID: "jade",
    OrderState.DELIVERED: "ok",
    OrderState.REFUNDING: "warn",
    OrderState.MISMATCH: "warn",
}


@register.filter
def state_word(state: str) -> str:
    """The state in the reader's language."""
    return str(OrderState(state).label)


@register.filter
def state_kind(state: str) -> str:
    """The kind of badge that goes with the state."""
    return _KINDS.get(OrderState(state), "")


@register.filter
def is_open(state: str) -> bool:
    """Whether the order can still be paid or cancelled."""
    return state in OPEN
