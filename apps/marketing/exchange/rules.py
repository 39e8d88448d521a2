"""The bounds of an exchange."""

from collections.abc import Mapping

from apps.marketing.exchange import errors
from apps.marketing.prizes.rules import MAX_AMOUNT

MAX_QUANTITY = 99
# What one exchange may hold: MAX_QUANTITY of it stay below that too.
ITEM_BOUNDS: Mapping[str, int] = {"amount": MAX_AMOUNT, "price_points": 2**31 - 1}


def check_quantity(quantity: int) -> None:
    """Raise QuantityInvalid unless one order may hold this many."""
    if not 1 <= quantity <= MAX_QUANTITY:
        raise errors.QuantityInvalid
