"""The door of marketing. Errors: apps.marketing.errors; every service names those that it raises."""

from apps.marketing.services.activities import (
    bind_stage,
    correct_stock,
    save_activity,
    save_stock,
    set_activity_state,
)
from apps.marketing.services.deliveries import deliver_prize, replay_delivery
from apps.marketing.services.draws import draw
from apps.marketing.services.exchange import exchange, save_exchange_item
from apps.marketing.services.members import (
    account_of,
    balances_of,
    points_entries,
    points_of,
    sign_in_week,
    winners_of,
)
from apps.marketing.services.odds import clone_odds, new_draft, publish_odds, save_draft
from apps.marketing.services.own_data import (
    check_no_prize_on_its_way,
    export_chance_entries,
    export_draws,
    export_exchanges,
    export_points_entries,
    export_rebates,
    export_sign_ins,
)
from apps.marketing.services.rebates import grant_rebates, reward_for, save_rebate_rule, sign_in
from apps.marketing.services.seats import give_chances

__all__ = [
    "account_of",
    "balances_of",
    "bind_stage",
    "check_no_prize_on_its_way",
    "clone_odds",
    "correct_stock",
    "deliver_prize",
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
    "new_draft",
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
