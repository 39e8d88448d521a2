"""What is done with stocks and deliveries; the kinds (kinds.py) are asked through the registries."""

from apps.marketing.prizes.services.deliveries import check_no_prize_on_its_way, deliver_prize, replay_delivery
from apps.marketing.prizes.services.stocks import correct_stock, save_stock, take_from_stock

__all__ = [
    "check_no_prize_on_its_way",
    "correct_stock",
    "deliver_prize",
    "replay_delivery",
    "save_stock",
    "take_from_stock",
]
