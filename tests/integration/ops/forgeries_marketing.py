"""What a forger does to marketing's rows against the operators' trail and the calendar; the number that names it."""

from datetime import timedelta
from typing import Any

from django.db.models import F

from apps.kernel import clock
from apps.kernel.models import AuditEntry
from apps.marketing import services
from apps.marketing.models import (
    Activity,
    Adjustment,
    Delivery,
    ExchangeItem,
    ExchangeOrder,
    OddsVersion,
    PrizeStock,
    Rebate,
    RebateRule,
    Seat,
    SignIn,
    Stage,
)
from apps.marketing.odds.rules import canonical_content, content_hash
from apps.marketing.odds.selectors import prizes_of
from tests.integration.marketing import campaign
from tests.integration.ops.forgeries import Forgery, _changed, _copied, _deleted

_DAY = timedelta(days=1)


def widen() -> None:
    """A second activity, stock and item, and a stage."""
    now = clock.now()
    other = campaign.activity()
    services.bind_stage(channel="web", source="home", activity_id=other.id, now=now)
    services.save_stock(activity_id=other.id, code="other", total=3, now=now)
    services.save_exchange_item(code="more", title="More", kind="quota", amount=7, price_points=9, now=now)


def _drawn() -> Any:
    return Seat.objects.filter(nonce__gt=0)


def _undrawn() -> Any:
    return Seat.objects.filter(nonce=0)


def _won() -> Any:
    return Delivery.objects.exclude(kind="nothing")


def _an_hour_ago() -> Any:
    return clock.now() - timedelta(hours=1)


def _rebates(deed: str) -> Any:
    return Rebate.objects.filter(behaviour_key__startswith=f"{deed}:")


def _other_activity() -> Any:
    """An activity that no rule and no item is about."""
    row = Activity.objects.all()[0]
    _copied(row, code="other", state="draft", odds=None)
    return row


def _a_yesterday() -> None:
    """The streak of who did not come yesterday."""
    row = SignIn.objects.get()
    _copied(row, local_day=row.local_day - _DAY)


def _a_publication() -> None:
    """Odds that the one who drew them up put in force himself, and that add up."""
    row = OddsVersion.objects.get(state="published")
    prizes = list(row.prizes.all())
    _changed(OddsVersion.objects.filter(pk=row.pk), state="retired")
    _copied(row, number=9, state="draft", published_at=None, published_by="", content="", content_hash="")
    for prize in prizes:
        _copied(prize, odds=row)
    content = canonical_content(prizes_of(row.pk), activity_id=row.activity_id, declared_total=row.declared_total)
    _changed(
        OddsVersion.objects.filter(pk=row.pk),
        state="published",
        content=content,
        content_hash=content_hash(content),
        published_at=clock.now(),
        published_by="system",
    )
    _changed(Activity.objects.all(), odds=row)


def _a_stage() -> None:
    Stage.objects.create(channel="web", source="mine", activity=Activity.objects.all()[0], created_at=clock.now())


def _told() -> AuditEntry:
    return AuditEntry.objects.get(action="marketing.adjust")


def _two_tales() -> None:
    """A second entry, that tells of what the forger made of the adjustment."""
    _changed(Adjustment.objects.all(), incident="2")
    entry = _told()
    _copied(entry, after={**(entry.after or {}), "incident": "2"})


# With the triggers on: (what, how, number).
WITH_TRIGGERS: list[Forgery] = [
    ("a rule that gives more", lambda: _changed(RebateRule.objects.all(), points=F("points") + 1), "I-62"),
    ("a rule of another version", lambda: _changed(RebateRule.objects.all(), version=2), "I-62"),
    ("a cheaper item", lambda: _changed(ExchangeItem.objects.all(), price_points=1), "I-62"),
    ("a rule of nobody", lambda: _copied(RebateRule.objects.all()[0], code="mine"), "I-62"),
    ("a stage of nobody", _a_stage, "I-62"),
    ("a larger stock", lambda: _changed(PrizeStock.objects.all(), total=F("total") + 1), "I-62"),
    ("a longer activity", lambda: _changed(Activity.objects.all(), ends_at=F("ends_at") + _DAY), "I-62"),
    ("an activity that nobody started", lambda: _changed(Activity.objects.all(), state="paused"), "I-62"),
    ("a draw limit of nobody", lambda: _changed(Activity.objects.all(), limit_day=9), "I-62"),
    ("an item of no kind", lambda: _changed(ExchangeItem.objects.all(), kind="car"), "I-02-codes"),
    ("a rule for no behaviour", lambda: _changed(RebateRule.objects.all(), behaviour="sleeping"), "I-02-codes"),
    ("odds that nobody published", _a_publication, "I-48-published"),
    (
        "a rebate of a later version",
        lambda: _copied(Rebate.objects.all()[0], rule_version=2, rule=_rule()),
        "I-41-rules",
    ),
    (
        "an activity without its odds",
        lambda: _changed(Activity.objects.all(), odds=None, state="paused"),
        "I-26-odds",
    ),
    ("yesterday's sign-in of today", _a_yesterday, "I-40-days"),
    ("a quota of draws of yesterday", lambda: _changed(_drawn(), day_on=F("day_on") - _DAY), "I-22-days"),
    ("a quota of draws of tomorrow", lambda: _changed(_drawn(), day_on=F("day_on") + _DAY), "I-22-days"),
    ("a quota of draws of last month", lambda: _changed(_drawn(), month_on=_month(-1)), "I-22-days"),
    ("a quota of draws of next month", lambda: _changed(_drawn(), month_on=_month(1)), "I-22-days"),
    ("fewer draws today", lambda: _changed(_drawn(), drawn_day=1), "I-22-days"),
    ("fewer draws this month", lambda: _changed(_drawn(), drawn_month=1), "I-22-days"),
    ("a day before the seat", lambda: _changed(_undrawn(), day_on=F("day_on") - _DAY), "I-22-undrawn"),
    ("a month that began late", lambda: _changed(_drawn(), month_on=F("month_on") + _DAY), "I-22-days"),
    ("a month long after the seat", lambda: _changed(_undrawn(), month_on=_month(2)), "I-22-days"),
]


def _rule() -> RebateRule:
    return RebateRule.objects.get(code="pay")


def _month(number: int) -> Any:
    """The first of a month this many months from now."""
    first = _drawn().get().month_on
    return (first + number * timedelta(days=31)).replace(day=1) if number > 0 else (first - _DAY).replace(day=1)


# Once the table's triggers are gone: (table, how, number).
WITHOUT_TRIGGERS: list[Forgery] = [
    ("marketing_rebate", lambda: _changed(Rebate.objects.all(), points=F("points") + 1), "I-41-rules"),
    ("marketing_rebate", lambda: _changed(Rebate.objects.all(), chances=F("chances") + 1), "I-41-rules"),
    ("marketing_rebate", lambda: _changed(Rebate.objects.all(), activity=_other_activity()), "I-41-rules"),
    ("marketing_rebate", lambda: _changed(_rebates("sign_in"), rule=_rule()), "I-41-rules"),
    ("marketing_rebate", lambda: _changed(Rebate.objects.all(), rule_version=2), "I-41-rules"),
    ("marketing_exchangeorder", lambda: _changed(ExchangeOrder.objects.all(), unit_amount=1), "I-44-offers"),
    (
        "marketing_exchangeorder",
        lambda: _changed(ExchangeOrder.objects.all(), unit_points=1, points_paid=F("quantity")),
        "I-44-offers",
    ),
    (
        "marketing_exchangeorder",
        lambda: _changed(ExchangeOrder.objects.all(), kind="chances", activity=_other_activity()),
        "I-44-offers",
    ),
    ("marketing_adjustment", lambda: _changed(Adjustment.objects.all(), incident="2"), "I-51-told"),
    ("marketing_adjustment", lambda: _changed(Adjustment.objects.all(), reason="other"), "I-51-told"),
    ("marketing_adjustment", lambda: _changed(Adjustment.objects.all(), created_by="staff:2"), "I-51-told"),
    ("marketing_adjustment", _two_tales, "I-51-told"),
    ("marketing_signin", lambda: _changed(SignIn.objects.all(), local_day=F("local_day") - _DAY), "I-40-days"),
    ("marketing_signin", lambda: _changed(SignIn.objects.all(), local_day=F("local_day") + _DAY), "I-40-days"),
    ("marketing_oddsversion", lambda: _changed(OddsVersion.objects.all(), published_by="other"), "I-48-published"),
    ("marketing_participation", lambda: _deleted(_drawn()), "I-22-seats"),
    ("marketing_delivery", lambda: _changed(_won(), amount=F("amount") + 1), "I-28"),
    ("marketing_delivery", lambda: _changed(_won(), state="pending", done_at=None, created_at=_an_hour_ago()), "I-29"),
]

# Columns whose forged value is neither refused nor named, and why.
EXPLAINED: dict[str, str] = {}

# What the database refuses, and no other row tells of.
REFUSED: list[tuple[str, Any]] = [
    ("a seat that never drew", lambda: _deleted(_undrawn())),
]
