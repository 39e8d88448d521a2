"""Marketing's rows. Balances of points and chances live in the ledger; here is what they are spent on and why."""

from apps.marketing.models.campaigns import Activity, OddsVersion, Prize, PrizeStock, Stage
from apps.marketing.models.draws import Delivery, Draw, Participation
from apps.marketing.models.rewards import ExchangeItem, ExchangeOrder, ExchangeTally, Rebate, RebateRule, SignIn

__all__ = [
    "Activity",
    "Delivery",
    "Draw",
    "ExchangeItem",
    "ExchangeOrder",
    "ExchangeTally",
    "OddsVersion",
    "Participation",
    "Prize",
    "PrizeStock",
    "Rebate",
    "RebateRule",
    "SignIn",
    "Stage",
]
