"""How pages show what was won or is bought, and name the cause of a movement."""

from django import template
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.marketing.earning.registries import BEHAVIOURS
from apps.marketing.exchange.registries import ITEMS
from apps.marketing.prizes.registries import PRIZES

register = template.Library()

# The kinds that services write into the ledger, ours and those of the apps below; behaviours have theirs.
WORDS = {
    "chat": gettext_noop("An answer"),
    "purchase": gettext_noop("Bought"),
    "exchange": gettext_noop("Exchanged for points"),
    "draw": gettext_noop("Drawn"),
    "prize": gettext_noop("Won"),
    "adjustment": gettext_noop("Corrected by our staff"),
    "expiry": gettext_noop("Expired"),
    "owed": gettext_noop("Paid what was owed"),
}
_OTHER = gettext_noop("Other")


@register.filter
def movement_word(kind: str) -> str:
    """Why a balance changed, in the reader's language."""
    behaviour = BEHAVIOURS.get(kind)
    return str(behaviour.word) if behaviour else _(WORDS.get(kind, _OTHER))


@register.filter
def prize_icon(kind: str) -> str:
    """The icon of a kind of prize, also of one that is gone."""
    prize = PRIZES.get(kind)
    return prize.icon if prize else "gift"


@register.simple_tag
def gain(kind: str, amount: int) -> str:
    """What an exchange item gives, as its card shows it."""
    item = ITEMS[kind]
    return render_to_string(item.template, {"kind": item, "amount": amount})


@register.filter
def gain_per(kind: str) -> int:
    """How many of a kind's smallest units are one of those that people read."""
    return ITEMS[kind].per
