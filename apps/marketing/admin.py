"""Operators' view of marketing: configuration through services with a reason; what members did is only looked at."""

from django.utils.translation import gettext_lazy

from apps.kernel.admin import ACT, MOVEMENT, name_asset, name_codes
from apps.marketing.adjustments import admin as adjustments
from apps.marketing.campaigns import admin as campaigns
from apps.marketing.draws import admin as draws
from apps.marketing.earning import admin as earning
from apps.marketing.exchange import admin as exchange
from apps.marketing.odds import admin as odds
from apps.marketing.points.contracts import POINTS
from apps.marketing.prizes import admin as prizes
from apps.marketing.seats.contracts import CHANCES
from apps.marketing.templatetags.marketing import movement_word

__all__ = ["adjustments", "campaigns", "draws", "earning", "exchange", "odds", "prizes"]

name_asset(POINTS, gettext_lazy("Points"))
name_asset(CHANCES, gettext_lazy("Draw chances"))
name_codes(MOVEMENT, movement_word)
name_codes(
    ACT,
    {
        "marketing.adjust": gettext_lazy("Gave or took by hand"),
        "marketing.clone_odds": gettext_lazy("Copied odds into a draft"),
        "marketing.correct_stock": gettext_lazy("Corrected a stock"),
        "marketing.doubt_activity": gettext_lazy("Found records that do not add up"),
        "marketing.publish_odds": gettext_lazy("Put odds into effect"),
        "marketing.replay_delivery": gettext_lazy("Delivered what was owed"),
        "marketing.save_draft": gettext_lazy("Changed a draft of odds"),
        "marketing.set_activity_state": gettext_lazy("Started, paused or ended an activity"),
    }.get,
)
