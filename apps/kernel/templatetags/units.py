"""How pages write amounts and days: fen as yuan, milli-credits as credits. The unit's word stands in the template."""

from datetime import date
from decimal import Decimal

from django import template
from django.utils.translation import pgettext

register = template.Library()


@register.filter
def yuan(fen: int) -> str:
    """990 fen -> "9.90", 123456 fen -> "1,234.56". Always two decimals."""
    return f"{Decimal(fen) / 100:,.2f}"


@register.filter("credits")
def credit_number(milli: int) -> str:
    """12500 thousandths -> "12.5", 1000 -> "1". No trailing zeros, nothing rounded."""
    whole, thousandths = divmod(abs(milli), 1000)
    decimals = f".{thousandths:03d}".rstrip("0") if thousandths else ""
    return f"{'-' if milli < 0 else ''}{whole:,}{decimals}"


@register.filter
def weekday(day: date) -> str:
    """A day's name for narrow columns: "Mo", in Chinese one character (Django's own abbreviation has three)."""
    names = (
        pgettext("weekday", "Mo"),
        pgettext("weekday", "Tu"),
        pgettext("weekday", "We"),
        pgettext("weekday", "Th"),
        pgettext("weekday", "Fr"),
        pgettext("weekday", "Sa"),
        pgettext("weekday", "Su"),
    )
    return names[day.weekday()]
