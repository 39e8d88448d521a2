"""The bounds of what is given at once."""

from collections.abc import Mapping

from apps.marketing.prizes import errors

# Far below what the ledger moves at once: a prize that could not be delivered must not be won.
MAX_AMOUNT = 10**12


def check_amounts(bounds: Mapping[str, int], **amounts: int) -> None:
    """Raise AmountNotDeliverable unless each named amount is from 0 to its bound."""
    for name, amount in amounts.items():
        if not 0 <= amount <= bounds[name]:
            raise errors.AmountNotDeliverable(name=name, amount=amount, largest=bounds[name])
