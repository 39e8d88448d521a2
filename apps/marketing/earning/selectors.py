"""Reads of sign-ins and of the rules in force."""

from datetime import date, timedelta

from apps.accounts import services as accounts
from apps.kernel.db import CompiledRead, Given
from apps.kernel.ids import PersonId, UserId
from apps.marketing.earning import rules
from apps.marketing.earning.contracts import SignInMonth
from apps.marketing.earning.models import RebateRule, SignIn


def last_sign_in(*, person_id: PersonId, today: date) -> SignIn | None:
    """The person's newest sign-in up to today, with the streak that its days make.

    A clock that was ahead for a moment left a sign-in in the future, and a streak that began anew there: the one is
    not looked at before its day, the other is as long as the days before it say.
    """
    known = SignIn.objects.filter(person_id=person_id, local_day__lte=today)
    rows = list(known.order_by("-local_day")[: rules.STREAK_LOOKS_BACK])
    if not rows:
        return None
    rows[0].streak = rules.mended_streak([(row.local_day, row.streak) for row in rows])
    return rows[0]


def signed_in_days(*, person_id: PersonId, first: date, before: date) -> frozenset[date]:
    """The days of a span on which the person signed in."""
    rows = SignIn.objects.filter(person_id=person_id, local_day__gte=first, local_day__lt=before)
    return frozenset(rows.values_list("local_day", flat=True))


def sign_in_month(*, user_id: UserId, month: str, today: date) -> SignInMonth:
    """A month (YYYY-MM) of sign-ins. Raises MonthInvalid, accounts.MemberNotFound."""
    first, after = rules.month_of(month)
    person_id = accounts.person_of(user_id=user_id)
    last = last_sign_in(person_id=person_id, today=today)
    return SignInMonth(
        month=month,
        days=tuple(sorted(signed_in_days(person_id=person_id, first=first, before=after))),
        today=today,
        signed_in_today=last is not None and last.local_day == today,
        streak=living_streak(last, today),
    )


def living_streak(last: SignIn | None, today: date) -> int:
    """The run of days that is alive today; 0 when it is broken."""
    return rules.living_streak(
        today=today, last_day=last.local_day if last else None, last_streak=last.streak if last else 0
    )


def week_before(today: date) -> list[date]:
    """The seven days that end today, oldest first."""
    return [today - timedelta(days=back) for back in range(6, -1, -1)]


_ACTIVE = CompiledRead(
    lambda: (
        RebateRule.objects.filter(behaviour=Given("behaviour"), is_active=True)
        .select_related("activity")
        .order_by("pk")
    )
)


def active_rules(*, behaviour: str) -> list[RebateRule]:
    """The rules that reward a behaviour now, oldest first."""
    return _ACTIVE.all(behaviour=behaviour)
