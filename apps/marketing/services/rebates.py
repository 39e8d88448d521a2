"""What behaviours give: sign-in, payment, registration."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.accounts import services as accounts
from apps.accounts.contracts import ListScope
from apps.kernel import audit, clock, outbox
from apps.kernel.db import is_unique_violation
from apps.kernel.ids import UserId
from apps.ledger import services as ledger
from apps.ledger.contracts import Cause
from apps.marketing import errors, rules, selectors
from apps.marketing.contracts import POINTS, Behaviour, RebateRuleDetail, Reward, SignInReceipt
from apps.marketing.events import SignedIn
from apps.marketing.models import Rebate, RebateRule, SignIn
from apps.marketing.services.saving import save
from apps.marketing.services.seats import give_chances


def sign_in(*, user_id: UserId, now: datetime) -> SignInReceipt:
    """Sign a member in for today; points and chances follow by event.

    Raises accounts.MemberFrozen, AlreadySignedIn.
    """
    accounts.require_active(user_id=user_id, scope=ListScope.DRAW, now=now)
    today = clock.local_date(now, settings.TIME_ZONE)
    with transaction.atomic():
        row = _record_sign_in(user_id=user_id, now=now)
        outbox.publish(SignedIn(sign_in_id=row.id, user_id=user_id, local_day=today.isoformat(), occurred_at=now))
    reward = reward_for(behaviour=Behaviour.SIGN_IN, now=now)
    return SignInReceipt(local_day=today, streak=row.streak, points=reward.points, chances=sum(reward.chances.values()))


def reward_for(*, behaviour: Behaviour, amount_fen: int = 0, now: datetime) -> Reward:
    """What a behaviour gives by the rules that are active now."""
    points = 0
    chances: dict[UUID, int] = defaultdict(int)
    for rule in selectors.active_rules(behaviour=behaviour):
        points += _points(rule, amount_fen)
        if rule.activity_id and (given := _chances(rule, now)):
            chances[rule.activity_id] += given
    return Reward(points=points, chances=dict(chances))


def grant_rebates(
    *, user_id: UserId, behaviour: Behaviour, behaviour_key: str, amount_fen: int = 0, now: datetime
) -> None:
    """Give what a behaviour earns by each active rule, once per rule and behaviour key."""
    with transaction.atomic():
        rebates = []
        for rule in selectors.active_rules(behaviour=behaviour):
            chances = _chances(rule, now)
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
            if (rebate.points or rebate.chances) and _is_first(rebate):
                rebates.append(rebate)
        _pay(rebates, now)


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

    Raises ReasonMissing.
    """
    values = {
        "title": title,
        "behaviour": behaviour,
        "points": points,
        "points_per_yuan": points_per_yuan,
        "chances": chances,
        "activity_id": activity_id,
        "is_active": is_active,
    }
    rule = save(RebateRule, key={"code": code}, values=values, actor=actor, reason=reason, now=now)
    return RebateRuleDetail(id=rule.id, code=rule.code, behaviour=rule.behaviour, version=rule.version)


def _record_sign_in(*, user_id: UserId, now: datetime) -> SignIn:
    today = clock.local_date(now, settings.TIME_ZONE)
    last = selectors.last_sign_in(user_id=user_id)
    row = SignIn(
        user_id=user_id,
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
        if not is_unique_violation(error, "marketing_signin_once_a_day", ("user_id", "local_day")):
            raise
        raise errors.AlreadySignedIn(local_day=today.isoformat()) from None
    return row


def _points(rule: RebateRule, amount_fen: int) -> int:
    return rules.rebate_points(points=rule.points, points_per_yuan=rule.points_per_yuan, amount_fen=amount_fen)


def _chances(rule: RebateRule, now: datetime) -> int:
    """The chances that a rule gives now: none for an activity that is over."""
    activity = rule.activity
    if activity is None or not rules.is_worth_chances(state=activity.state, ends_at=activity.ends_at, now=now):
        return 0
    return rule.chances


def _is_first(rebate: Rebate) -> bool:
    """Write the rebate; False when this rule has rewarded this behaviour before."""
    try:
        with transaction.atomic():
            rebate.save(force_insert=True)
    except IntegrityError as error:
        if not is_unique_violation(error, "marketing_rebate_once_per_behaviour", ("rule_id", "behaviour_key")):
            raise
        return False
    return True


def _pay(rebates: Sequence[Rebate], now: datetime) -> None:
    """Points first, then chances activity by activity: whoever moves both (an exchange) never waits in a circle."""
    for rebate in rebates:
        if rebate.points:
            ledger.transfer(
                debit=ledger.system_account("issuer", POINTS),
                credit=ledger.user_account(UserId(rebate.user_id), POINTS),
                amount=rebate.points,
                kind=str(rebate.rule.behaviour),
                cause=_cause(rebate),
                leg="points",
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
