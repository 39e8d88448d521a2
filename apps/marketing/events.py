"""Facts that marketing announces."""

from apps.marketing.draws.events import PrizeWon
from apps.marketing.earning.events import SignedIn

__all__ = [
    "PrizeWon",
    "SignedIn",
]
