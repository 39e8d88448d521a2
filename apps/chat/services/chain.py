"""The chain as operators arranged it: which rules are asked, in which order, and what each has refused."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from django.db import DatabaseError
from django.db.models import Case, CharField, Q, Sum, Value, When
from django.db.models.functions import Cast, Coalesce, Concat

from apps.chat import errors, rules
from apps.chat.contracts import Policy, RuleSetting, RuleStanding
from apps.chat.models import ChatRule, RefusalCount
from apps.chat.registries import RULES
from apps.chat.rules.admission import AccessLimit
from apps.chat.services.free_allowance import local_day
from apps.kernel import configuration
from apps.kernel.db import prepared_cursor
from apps.kernel.errors import DomainError
from apps.kernel.fresh import FreshTexts

logger = logging.getLogger(__name__)

_COUNT = """
    INSERT INTO chat_refusalcount (code, day, refused) VALUES (%s, %s, 1)
    ON CONFLICT (code, day) DO UPDATE SET refused = chat_refusalcount.refused + 1
"""
# "on 30", "off ": whether a rule is asked, and where operators put it.
_settings = FreshTexts(
    "chat rules",
    ChatRule.objects.all,
    key="code",
    text=Concat(
        Case(When(is_on=True, then=Value("on ")), default=Value("off ")),
        Coalesce(Cast("place", CharField()), Value("")),
        output_field=CharField(),
    ),
)


def chain() -> tuple[rules.Rule, ...]:
    """The rules that are asked, in their order, as operators arranged them two seconds ago at most."""
    return rules.in_force(RULES, _said())


def as_ruled(policy: Policy) -> Policy:
    """The limits as the rules that are asked leave them: without the rule of free answers none is free."""
    has_free = any(rule.code == AccessLimit.code for rule in chain())
    return policy if has_free else replace(policy, free_per_day=0)


@contextmanager
def counting_refusals(*, now: datetime) -> Iterator[None]:
    """Count what the rules refuse inside, once what was begun there is undone; what passes costs no statement.

    The count is in the database, one row for a rule and a day: right however many processes there are, and only who
    is refused pays the statement.
    """
    try:
        yield
    except DomainError as refusal:
        if code := rules.refused_by(refusal, RULES):
            _count(code, now=now)
        raise


def save_rule(*, code: str, is_on: bool, place: int | None, actor: str, reason: str, now: datetime) -> None:
    """Switch a rule on or off, and say where it stands; None puts it back where the site was built with it.

    Raises CodeUnknown, RuleFixed, ReasonMissing.
    """
    rule = RULES[code]
    if not (is_on or rule.may_switch):
        raise errors.RuleFixed(field="is_on")
    if place is not None and not rule.may_move:
        raise errors.RuleFixed(field="place")
    values = {"is_on": is_on, "place": place}
    configuration.save(ChatRule, key={"code": code}, values=values, actor=actor, reason=reason, now=now)
    _settings.forget()


def ensure_rules(*, now: datetime) -> None:
    """Give every registered rule a row, so that operators can see and change it."""
    rows = [ChatRule(code=rule.code, created_at=now, updated_at=now) for rule in RULES]
    ChatRule.objects.bulk_create(rows, ignore_conflicts=True)


def rule_standings(*, now: datetime) -> list[RuleStanding]:
    """Every registered rule, in the order in which they are asked, with what it has refused."""
    said = {row.code: RuleSetting(is_on=row.is_on, place=row.place) for row in ChatRule.objects.all()}
    asked = rules.in_force(RULES, said)
    today = Sum("refused", filter=Q(day=local_day(now)), default=0)
    counts = RefusalCount.objects.values("code").annotate(ever=Sum("refused"), today=today)
    refused = {row["code"]: (row["today"], row["ever"]) for row in counts}
    return [
        RuleStanding(
            code=rule.code,
            number=number,
            is_on=rule in asked,
            refused_today=refused.get(rule.code, (0, 0))[0],
            refused=refused.get(rule.code, (0, 0))[1],
        )
        for number, rule in enumerate(rules.arranged(RULES, said), start=1)
    ]


def refusals_by_rule() -> dict[str, int]:
    """What each rule has refused ever, for those that have refused anything."""
    return dict(RefusalCount.objects.values_list("code").annotate(ever=Sum("refused")))


def _said() -> dict[str, RuleSetting]:
    said = {}
    for code, text in _settings.get().items():
        switched, _, place = text.partition(" ")
        said[code] = RuleSetting(is_on=switched == "on", place=int(place) if place else None)
    return said


def _count(code: str, *, now: datetime) -> None:
    try:
        with prepared_cursor() as cursor:
            cursor.execute(_COUNT, [code, local_day(now)])
    except DatabaseError:
        # The refusal itself is what its reader has to hear.
        logger.exception("a refusal of rule %s is not counted", code)
