"""What behaviours give: sign-in, payment, registration."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.accounts import services as accounts
from apps.accounts.contracts import ListScope
from apps.kernel import audit, clock, configuration, outbox
from apps.kernel.db import insert_once, is_unique_violation
from apps.kernel.errors import OfferChanged
from apps.kernel.ids import PersonId, UserId
from apps.ledger.contracts import Cause
from apps.marketing.campaigns.rules import is_worth_chances
from apps.marketing.earning import errors, rules, selectors
from apps.marketing.earning.contracts import SIGN_IN, RebateRuleDetail, Reward, SignInReceipt, SignInWeek
from apps.marketing.earning.events import SignedIn
from apps.marketing.earning.models import Rebate, RebateRule, SignIn
from apps.marketing.earning.registries import BEHAVIOURS
from apps.marketing.points.services import give_points
from apps.marketing.prizes.rules import check_amounts
from apps.marketing.seats.services import check_chances_usable, give_chances

__all__ = [
    "export_rebates",
    "export_sign_ins",
    "grant_rebates",
    "reward_for",
    "save_rebate_rule",
    "sign_in",
    "sign_in_week",
]


def sign_in(*, user_id: UserId, now: datetime, offer: str = "") -> SignInReceipt:
    """Sign a member in for today, once per person, and give at once what that earns.

    `offer` is the version of the reward that the member was shown (SignInWeek.offer); it can only refuse.

    Raises accounts.MemberFrozen, AlreadySignedIn, OfferChanged; nothing has changed then.
    """
    today = clock.local_date(now, settings.TIME_ZONE)
    # `now`, and running: while a request waits for its member, an activity may end whose chances it would be given.
    running = clock.running_from(now)
    with transaction.atomic():
        person_id = accounts.hold_active(user_id=user_id, scope=ListScope.DRAW, now=now)
        row = _record_sign_in(user_id=user_id, person_id=person_id, now=now)
        # Not by the event: until that is handled an operator may have changed the rules, and a promise is a promise.
        reward = _grant(user_id=user_id, behaviour=SIGN_IN, behaviour_key=f"sign_in:{row.id}", now=now, at=running())
        if offer not in ("", reward.offer):
            raise OfferChanged(offer=reward.offer, points=reward.points, chances=reward.total_chances)
        outbox.publish(SignedIn(sign_in_id=row.id, user_id=user_id, local_day=today.isoformat(), occurred_at=now))
    return SignInReceipt(local_day=today, streak=row.streak, points=reward.points, chances=reward.total_chances)


def reward_for(*, behaviour: str, amount_fen: int = 0, now: datetime) -> Reward:
    """What a behaviour gives by the rules that are active now."""
    return _reward(
        (_points(rule, amount_fen), rule.activity_id, _chances(rule, now))
        for rule in selectors.active_rules(behaviour=behaviour)
    )


def grant_rebates(*, user_id: UserId, behaviour: str, behaviour_key: str, amount_fen: int = 0, now: datetime) -> Reward:
    """Give what a behaviour earns by each active rule, once per rule and behaviour key; returns what was given now.

    Raises CodeUnknown for a behaviour that nobody stands for.
    """
    return _grant(
        user_id=user_id, behaviour=behaviour, behaviour_key=behaviour_key, amount_fen=amount_fen, now=now, at=now
    )


def _grant(
    *, user_id: UserId, behaviour: str, behaviour_key: str, amount_fen: int = 0, now: datetime, at: datetime
) -> Reward:
    """The same; `at` is when the request's turn came, which may be later than `now`."""
    rewarded = BEHAVIOURS[behaviour]
    with transaction.atomic():
        rebates = []
        for rule in selectors.active_rules(behaviour=rewarded.code):
            chances = _chances(rule, at)
            rebate = Rebate(
                rule=rule,
                rule_version=rule.version,
                user_id=user_id,
                behaviour_key=behaviour_key,
                points=_points(rule, amount_fen),
                chances=chances,
                activity_id=rule.activity_id if chances else None,
                created_at=now,
            )
            if (rebate.points or rebate.chances) and insert_once(rebate, unless_same=("rule_id", "behaviour_key")):
                rebates.append(rebate)
        _pay(rebates, now)
    return _reward((rebate.points, rebate.activity_id, rebate.chances) for rebate in rebates)


def save_rebate_rule(
    *,
    code: str,
    title: str,
    behaviour: str,
    points: int = 0,
    points_per_yuan: int = 0,
    chances: int = 0,
    activity_id: UUID | None = None,
    is_active: bool = True,
    now: datetime,
    actor: str = audit.SYSTEM,
    reason: str = "set-up",
) -> RebateRuleDetail:
    """Create the rule with this code, or bring it to these values; a change makes a new version of it.

    Raises ReasonMissing, CodeUnknown, AmountNotDeliverable, ChancesNotUsable.
    """
    rewarded = BEHAVIOURS[behaviour]
    check_amounts(rules.REBATE_BOUNDS, points=points, points_per_yuan=points_per_yuan, chances=chances)
    if is_active and chances:
        check_chances_usable(activity_id=activity_id, now=now)
    values = {
        "title": title,
        "behaviour": rewarded.code,
        "points": points,
        "points_per_yuan": points_per_yuan,
        "chances": chances,
        "activity_id": activity_id,
        "is_active": is_active,
    }
    rule = configuration.save(RebateRule, key={"code": code}, values=values, actor=actor, reason=reason, now=now)
    return RebateRuleDetail(id=rule.id, code=rule.code, behaviour=rule.behaviour, version=rule.version)


def _reward(parts: Iterable[tuple[int, UUID | None, int]]) -> Reward:
    points = 0
    chances: dict[UUID, int] = defaultdict(int)
    for given_points, activity_id, given_chances in parts:
        points += given_points
        if activity_id and given_chances:
            chances[activity_id] += given_chances
    return Reward(points=points, chances=dict(chances))


def _record_sign_in(*, user_id: UserId, person_id: PersonId, now: datetime) -> SignIn:
    today = clock.local_date(now, settings.TIME_ZONE)
    last = selectors.last_sign_in(person_id=person_id, today=today)
    row = SignIn(
        user_id=user_id,
        person_id=person_id,
        local_day=today,
        streak=rules.next_streak(
            today=today, last_day=last.local_day if last else None, last_streak=last.streak if last else 0
        ),
        created_at=now,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if not is_unique_violation(error, "marketing_signin_once_a_day", ("person_id", "local_day")):
            raise
        raise errors.AlreadySignedIn(local_day=today.isoformat()) from None
    return row


def _points(rule: RebateRule, amount_fen: int) -> int:
    return rules.rebate_points(points=rule.points, points_per_yuan=rule.points_per_yuan, amount_fen=amount_fen)


def _chances(rule: RebateRule, now: datetime) -> int:
    """The chances that a rule gives now: none for an activity that is over."""
    activity = rule.activity
    if activity is None or not is_worth_chances(state=activity.state, ends_at=activity.ends_at, now=now):
        return 0
    return rule.chances


def _pay(rebates: Sequence[Rebate], now: datetime) -> None:
    """Points first, then chances activity by activity: whoever moves both (an exchange) never waits in a circle."""
    for rebate in rebates:
        if rebate.points:
            give_points(
                user_id=UserId(rebate.user_id),
                amount=rebate.points,
                kind=str(rebate.rule.behaviour),
                cause=_cause(rebate),
                now=now,
            )
    for rebate in sorted(rebates, key=lambda rebate: str(rebate.activity_id)):
        if rebate.chances and rebate.activity_id:
            give_chances(
                user_id=UserId(rebate.user_id),
                activity_id=rebate.activity_id,
                amount=rebate.chances,
                kind=str(rebate.rule.behaviour),
                cause=_cause(rebate),
                now=now,
            )


def _cause(rebate: Rebate) -> Cause:
    return Cause("marketing.rebate", str(rebate.id))


def sign_in_week(*, user_id: UserId, now: datetime) -> SignInWeek:
    """The last seven days, the streak, and what signing in gives."""
    today = clock.local_date(now, settings.TIME_ZONE)
    week = selectors.week_before(today)
    person_id = accounts.person_of(user_id=user_id)
    days = selectors.signed_in_days(person_id=person_id, first=week[0], before=today + timedelta(days=1))
    reward = reward_for(behaviour=SIGN_IN, now=now)
    return SignInWeek(
        days=tuple((day, day in days) for day in week),
        signed_in_today=today in days,
        streak=selectors.living_streak(selectors.last_sign_in(person_id=person_id, today=today), today),
        points=reward.points,
        chances=reward.total_chances,
        offer=reward.offer,
    )


_CHUNK = 200


def export_sign_ins(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """The days on which the member signed in for points, oldest first."""
    rows = SignIn.objects.filter(user_id=user_id).order_by("local_day")
    yield from rows.values("local_day", "streak", "created_at").iterator(_CHUNK)


def export_rebates(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """What the member was given for signing in, paying and joining, oldest first."""
    rows = Rebate.objects.filter(user_id=user_id).select_related("rule").order_by("pk")
    for row in rows.iterator(_CHUNK):
        yield {
            "id": row.pk,
            "rule": row.rule.title,
            "behaviour": row.rule.behaviour,
            "points": row.points,
            "chances": row.chances,
            "created_at": row.created_at,
        }
