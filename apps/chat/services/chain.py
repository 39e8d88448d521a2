"""The chain as operators arranged it: which rules are asked, in which order, and what each has refused."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from django.db import DatabaseError
from django.db.models import Case, CharField, Q, Sum, Value, When
from django.db.models.functions import Cast, Coalesce, Concat

from apps.accounts.contracts import IdentifiedKey
from apps.chat import errors, rules
from apps.chat.contracts import Policy
from apps.chat.models import BlockedNetwork, ChatRule, RefusalCount
from apps.chat.registries import RULES
from apps.chat.rules import limits
from apps.chat.rules.admission import AccessLimit, Frequency, free_per_day
from apps.chat.rules.chain import Lately
from apps.chat.services import catalogue
from apps.chat.services.free_allowance import local_day
from apps.chat.services.word_lists import record_refused
from apps.kernel import configuration, frequency
from apps.kernel.db import prepared_cursor
from apps.kernel.errors import DomainError
from apps.kernel.fresh import FreshTexts
from apps.kernel.ids import UserId, new_id

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


_networks = FreshTexts("blocked networks", lambda: BlockedNetwork.objects.filter(is_enabled=True), key="network")


def chain() -> tuple[rules.Rule, ...]:
    """The rules that are asked, in their order, as operators arranged them two seconds ago at most."""
    return rules.in_force(RULES, _said())


def as_ruled(policy: Policy, *, is_spared: bool = False) -> Policy:
    """The limits as the rules that are asked leave them: without the rule of free answers none is free."""
    has_free = any(rule.code == AccessLimit.code for rule in chain())
    free = free_per_day(policy.free_per_day, is_spared=is_spared) if has_free else 0
    return policy if free == policy.free_per_day else replace(policy, free_per_day=free)


def blocked_networks() -> tuple[str, ...]:
    """The networks that are held back."""
    return tuple(_networks.get())


def save_network(*, network: str, is_enabled: bool, actor: str, reason: str, now: datetime, note: str = "") -> str:
    """Hold a network back from chat, or no longer; how it is written. Raises ConfigurationNotValid, ReasonMissing."""
    written = rules.read_network(network)
    values = {"note": note, "is_enabled": is_enabled}
    configuration.save(BlockedNetwork, key={"network": written}, values=values, actor=actor, reason=reason, now=now)
    _networks.forget()
    return written


@contextmanager
def asking(*, user_id: UserId, key: IdentifiedKey | None, now: datetime, answers: int = 1) -> Iterator[Lately]:
    """Around the transaction that asks: when other questions of the last minute came, as far as that is counted.
    Each of several answers counts as a question.

    What is refused inside, once all is undone, is counted for its rule, and is no question of the minute; nor is a
    repeat. The counts of rules are in the database, one row for a rule and a day: right however many processes there
    are, and only who is refused pays the statement. The minute is in Redis: one call, before anything is locked.
    """
    act, of_member, of_key = str(new_id()), f"chat:{user_id}", ""
    entered: dict[str, tuple[datetime, ...] | None] = {}
    if any(rule.code == Frequency.code for rule in chain()):
        entered[of_member] = frequency.enter(of_member, act=act, window=limits.FREQUENCY_WINDOW, now=now, times=answers)
    if key is not None and key.requests_per_minute is not None:
        of_key = f"key:{key.key_id}"
        entered[of_key] = frequency.enter(of_key, act=act, window=limits.FREQUENCY_WINDOW, now=now, times=answers)
    try:
        yield Lately(of_member=entered.get(of_member), of_key=entered.get(of_key))
    except Exception as error:
        for counted in (name for name, lately in entered.items() if lately is not None):
            frequency.leave(counted, act=act, times=answers)
        if isinstance(error, DomainError) and (code := rules.refused_by(error, RULES)):
            _count(code, now=now)
        if isinstance(error, errors.WordsRefused):
            record_refused(error, user_id=user_id, now=now)
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
    catalogue.forget()


def ensure_rules(*, now: datetime) -> None:
    """Give every registered rule a row, so that operators can see and change it."""
    rows = [ChatRule(code=rule.code, created_at=now, updated_at=now) for rule in RULES]
    ChatRule.objects.bulk_create(rows, ignore_conflicts=True)


def rule_standings(*, now: datetime) -> list[rules.RuleStanding]:
    """Every registered rule, in the order in which they are asked, with what it has refused."""
    said = {row.code: rules.RuleSetting(is_on=row.is_on, place=row.place) for row in ChatRule.objects.all()}
    asked = rules.in_force(RULES, said)
    today = Sum("refused", filter=Q(day=local_day(now)), default=0)
    counts = RefusalCount.objects.values("code").annotate(ever=Sum("refused"), today=today)
    refused = {row["code"]: (row["today"], row["ever"]) for row in counts}
    return [
        rules.RuleStanding(
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


def _said() -> dict[str, rules.RuleSetting]:
    said = {}
    for code, text in _settings.get().items():
        switched, _, place = text.partition(" ")
        said[code] = rules.RuleSetting(is_on=switched == "on", place=int(place) if place else None)
    return said


def _count(code: str, *, now: datetime) -> None:
    try:
        with prepared_cursor() as cursor:
            cursor.execute(_COUNT, [code, local_day(now)])
    except DatabaseError:
        # The refusal itself is what its reader has to hear.
        logger.exception("a refusal of rule %s is not counted", code)
