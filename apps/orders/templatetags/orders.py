"""How pages name an order's state; the badge's colour only supports the word."""

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.orders.contracts import OrderState
from apps.orders.rules import OPEN

register = template.Library()

_WORDS = {
    OrderState.CREATED: gettext_noop("Being prepared"),
    OrderState.PAYING: gettext_noop("Waiting for payment"),
    OrderState.PAID: gettext_noop("Paid, on its way"),
    OrderState.DELIVERED: gettext_noop("Delivered"),
    OrderState.CLOSED: gettext_noop("Closed"),
    OrderState.REFUNDING: gettext_noop("Refund under way"),
    OrderState.REFUNDED: gettext_noop("Refunded"),
    OrderState.MISMATCH: gettext_noop("Being looked at by a person"),
}
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
    return _(_WORDS[OrderState(state)])


@register.filter
def state_kind(state: str) -> str:
    """The kind of badge that goes with the state."""
    return _KINDS.get(OrderState(state), "")


@register.filter
def is_open(state: str) -> bool:
    """Whether the order can still be paid or cancelled."""
    return state in OPEN
