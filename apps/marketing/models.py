"""Marketing's rows, room by room. Balances of points and chances live in the ledger; here is what moved them."""

from apps.marketing.adjustments.models import Adjustment
from apps.marketing.campaigns.models import Activity, Stage
from apps.marketing.draws.models import Draw
from apps.marketing.earning.models import Rebate, RebateRule, SignIn
from apps.marketing.exchange.models import ExchangeItem, ExchangeOrder, ExchangeTally
from apps.marketing.odds.models import OddsVersion, Prize
from apps.marketing.prizes.models import Delivery, PrizeStock
from apps.marketing.seats.models import Seat

__all__ = [
    "Activity",
    "Adjustment",
    "Delivery",
    "Draw",
    "ExchangeItem",
    "ExchangeOrder",
    "ExchangeTally",
    "OddsVersion",
    "Seat",
    "Prize",
    "PrizeStock",
    "Rebate",
    "RebateRule",
    "SignIn",
    "Stage",
]
