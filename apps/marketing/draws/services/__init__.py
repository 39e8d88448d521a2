"""What draws do, and what is told about them."""

from apps.marketing.draws.services.drawing import draw
from apps.marketing.draws.services.own_data import export_draws
from apps.marketing.draws.services.winners import winners_of

__all__ = [
    "draw",
    "export_draws",
    "winners_of",
]
