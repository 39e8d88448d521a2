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


def left_for_member(member_limit: int | None, *, bought: int) -> int | None:
    """How many more of an item one person may buy; None without a limit. A lowered limit takes nothing back."""
    return None if member_limit is None else max(member_limit - bought, 0)


def most_bought_before(member_limit: int | None, *, quantity: int) -> int | None:
    """How many somebody may have bought already who buys `quantity` more; below zero: nobody may. None: no limit."""
    return None if member_limit is None else member_limit - quantity
