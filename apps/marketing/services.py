"""The door of marketing. Errors: apps.marketing.errors; every service names those that it raises."""

from apps.marketing.adjustments.services import adjust, carry_out_adjustment, describe_adjustment
from apps.marketing.campaigns.services import bind_stage, save_activity, set_activity_state
from apps.marketing.draws.services import draw, export_draws, winners_of
from apps.marketing.earning.services import (
    export_rebates,
    export_sign_ins,
    grant_rebates,
    reward_for,
    save_rebate_rule,
    sign_in,
    sign_in_week,
)
from apps.marketing.exchange.services import exchange, export_exchanges, save_exchange_item
from apps.marketing.odds.services import clone_odds, publish_odds, save_draft
from apps.marketing.pages.services import account_of, balances_of, movements_of
from apps.marketing.points.services import export_points_entries, points_entries, points_of
from apps.marketing.prizes.services import (
    check_no_prize_on_its_way,
    correct_stock,
    deliver_prize,
    replay_delivery,
    save_stock,
)
from apps.marketing.seats.services import export_chance_entries, give_chances

__all__ = [
    "account_of",
    "adjust",
    "balances_of",
    "bind_stage",
    "carry_out_adjustment",
    "check_no_prize_on_its_way",
    "clone_odds",
    "correct_stock",
    "deliver_prize",
    "describe_adjustment",
    "draw",
    "exchange",
    "export_chance_entries",
    "export_draws",
    "export_exchanges",
    "export_points_entries",
    "export_rebates",
    "export_sign_ins",
    "give_chances",
    "grant_rebates",
    "movements_of",
    "points_entries",
    "points_of",
    "publish_odds",
    "replay_delivery",
    "reward_for",
    "save_activity",
    "save_draft",
    "save_exchange_item",
    "save_rebate_rule",
    "save_stock",
    "set_activity_state",
    "sign_in",
    "sign_in_week",
    "winners_of",
]
