"""The kinds of things that are won and bought; apps.py registers them."""

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.chat import services as chat
from apps.chat.contracts import QUOTA
from apps.ledger.contracts import Purse
from apps.marketing.campaigns.errors import ActivityNotFound
from apps.marketing.points.contracts import POINTS
from apps.marketing.points.services import give_points, take_points
from apps.marketing.prizes.contracts import NOTHING
from apps.marketing.prizes.registries import Handover, Kind
from apps.marketing.seats.contracts import CHANCES
from apps.marketing.seats.services import check_chances_usable, give_chances, take_chances

# What is taken back goes where it came from.
_SINK = "issuer"


class Quota(Kind):
    """Chat quota, in milli-credits."""

    code = QUOTA
    label = _("Chat quota")
    icon = "quota"
    gain = _("{n} credits")
    per = 1000
    template = "marketing/gains/quota.html"
    leg = QUOTA
    asset_sql = f"'{QUOTA}'"

    def deliver(self, handover: Handover) -> None:
        """Give quota that was not paid for."""
        chat.grant_quota(amount_milli=handover.amount, purse=Purse.GIFT, **handover.movement)

    def reverse(self, handover: Handover) -> None:
        """Take quota. Raises ledger.InsufficientFunds when less is left."""
        chat.take_quota(amount_milli=handover.amount, **handover.movement)


class Points(Kind):
    """Points."""

    code = POINTS
    label = _("Points")
    icon = "points"
    gain = _("{n} points")
    leg = POINTS
    asset_sql = f"'{POINTS}'"

    def deliver(self, handover: Handover) -> None:
        """Give points."""
        give_points(amount=handover.amount, **handover.movement)

    def reverse(self, handover: Handover) -> None:
        """Take points. Raises ledger.InsufficientFunds when less is left."""
        take_points(amount=handover.amount, sink=_SINK, leg=self.leg, **handover.movement)


class Chances(Kind):
    """Draw chances of one activity."""

    code = CHANCES
    label = _("Draw chances")
    icon = "ticket"
    gain = _("{n} draws")
    template = "marketing/gains/chances.html"
    leg = CHANCES
    asset_sql = f"'{CHANCES}:' || UUID_TEXT(activity_id)"

    def check_offer(self, *, activity_id: UUID | None, now: datetime) -> None:
        """Raise ChancesNotUsable unless a member could draw with them."""
        check_chances_usable(activity_id=activity_id, now=now)

    def deliver(self, handover: Handover) -> None:
        """Give chances, and the seat to use them from."""
        give_chances(activity_id=_activity_of(handover), amount=handover.amount, **handover.movement)

    def reverse(self, handover: Handover) -> None:
        """Take chances. Raises ledger.InsufficientFunds when less is left."""
        activity_id = _activity_of(handover)
        take_chances(activity_id=activity_id, amount=handover.amount, sink=_SINK, leg=self.leg, **handover.movement)


class Nothing(Kind):
    """The lot that wins nothing; the one kind without an amount, and delivered as it is drawn."""

    code = NOTHING
    label = _("Nothing")
    icon = "star"

    def accepts(self, amount: int) -> bool:
        """Nothing has no amount."""
        return amount == 0

    def deliver(self, handover: Handover) -> None:
        """There is nothing to give."""

    def reverse(self, handover: Handover) -> None:
        """There is nothing to take."""


def _activity_of(handover: Handover) -> UUID:
    if handover.activity_id is None:
        raise ActivityNotFound(activity_id="")
    return handover.activity_id
