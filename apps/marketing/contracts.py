"""What marketing shows to its callers, room by room. Quota is in milli-credits."""

from apps.marketing.adjustments.contracts import AdjustedAsset, AdjustmentOutcome, AdjustmentRequest
from apps.marketing.campaigns.contracts import ActivityDetail, ActivityState, Limits
from apps.marketing.draws.contracts import DrawReceipt, DrawResult, FallbackReason, Proof, Winner
from apps.marketing.earning.contracts import (
    PAYMENT,
    REGISTER,
    SIGN_IN,
    RebateRuleDetail,
    Reward,
    SignInMonth,
    SignInReceipt,
    SignInWeek,
)
from apps.marketing.exchange.contracts import ExchangeOffer, ExchangeReceipt
from apps.marketing.odds.contracts import (
    OddsDetail,
    OddsLine,
    OddsState,
    PrizeDraft,
    PrizeOnShow,
    PrizeSpec,
    PublishedOdds,
)
from apps.marketing.pages.contracts import BALANCES, ActivityAccount, Balances
from apps.marketing.points.contracts import POINTS
from apps.marketing.prizes.contracts import NOTHING, DeliveryState, StockDetail
from apps.marketing.seats.contracts import CHANCES, Counters, chances_asset

__all__ = [
    "BALANCES",
    "CHANCES",
    "NOTHING",
    "PAYMENT",
    "POINTS",
    "REGISTER",
    "SIGN_IN",
    "ActivityAccount",
    "ActivityDetail",
    "ActivityState",
    "AdjustedAsset",
    "AdjustmentOutcome",
    "AdjustmentRequest",
    "Balances",
    "Counters",
    "DeliveryState",
    "DrawReceipt",
    "DrawResult",
    "ExchangeOffer",
    "ExchangeReceipt",
    "FallbackReason",
    "Limits",
    "OddsDetail",
    "OddsLine",
    "OddsState",
    "PrizeDraft",
    "PrizeOnShow",
    "PrizeSpec",
    "Proof",
    "PublishedOdds",
    "RebateRuleDetail",
    "Reward",
    "SignInMonth",
    "SignInReceipt",
    "SignInWeek",
    "StockDetail",
    "Winner",
    "chances_asset",
]
