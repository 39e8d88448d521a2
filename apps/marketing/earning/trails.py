"""Rebates against the operators' trail: what was given is what a rule gave, and nothing less."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any
from uuid import UUID

from apps.kernel import configuration
from apps.kernel.invariants import SHOWN, Breach, came_since, invariant
from apps.kernel.models import AuditEntry
from apps.marketing.campaigns.models import Activity
from apps.marketing.campaigns.rules import is_worth_chances
from apps.marketing.earning import rules
from apps.marketing.earning.models import Rebate, RebateRule
from apps.marketing.earning.registries import BEHAVIOURS, Deed, behaviour_of

_CHUNK = 2000
# How far the clocks of our own hosts may be apart.
_TOLERANCE = timedelta(minutes=2)


@invariant("I-41-rules", "every rebate gave what its rule's version gives", windowed=True)
def rebates_follow_their_rules(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Rebates of a version that the rule never had, of another behaviour, or of other points, chances or activity."""
    versions: dict[UUID, list[Mapping[str, Any]]] = {}
    rebates = came_since(Rebate.objects.all(), since).order_by("pk").iterator(chunk_size=_CHUNK)
    while chunk := list(islice(rebates, SHOWN)):
        paid = _paid_fen([row.behaviour_key for row in chunk])
        for row in chunk:
            if row.behaviour_key not in paid:
                continue  # what nobody did is I-41-deeds's
            if row.rule_id not in versions:
                versions[row.rule_id] = [said for _, said in configuration.history(RebateRule, row.rule_id)]
            if not _is_given_by(row, versions[row.rule_id], paid[row.behaviour_key]):
                yield Breach(f"rebate {row.pk}", f"version {row.rule_version} of rule {row.rule_id} does not give this")


@invariant("I-41-given", "what an active rule gives for a deed was given", windowed=True)
def deeds_were_rewarded(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Deeds without the rebate of a rule that was active: their event counts as handled, and was not.

    The deeds of the last minutes, and those close to a change of the rule, are left out: hosts' clocks differ.
    """
    trails = {pk: configuration.history(RebateRule, pk) for pk in RebateRule.objects.values_list("pk", flat=True)}
    done = chain.from_iterable(behaviour.deeds(since) for behaviour in BEHAVIOURS)
    deeds = (deed for deed in done if deed.at < now - _TOLERANCE)
    while chunk := list(islice(deeds, SHOWN)):
        keys = [key for deed in chunk for key in deed.keys]
        found = Rebate.objects.filter(rule__in=trails, behaviour_key__in=keys).values_list("rule_id", "behaviour_key")
        given = set(found)
        for deed in chunk:
            for rule, trail in trails.items():
                said = _said_at(trail, deed.at)
                if said and _rewards(said, deed) and not given & {(rule, key) for key in deed.keys}:
                    yield Breach(f"rule {rule}", f"gave nothing for {deed.keys[0]}")


def _rewards(said: Mapping[str, Any], deed: Deed) -> bool:
    """Whether a rule as it was saved gives something for a deed; chances while their activity was surely open."""
    if not said["is_active"] or said["behaviour"] != deed.behaviour:
        return False
    points = rules.rebate_points(
        points=said["points"], points_per_yuan=said["points_per_yuan"], amount_fen=deed.amount_fen
    )
    if points or not said["chances"]:
        return bool(points)
    activity = Activity.objects.get(pk=said["activity_id"])
    touched = AuditEntry.objects.filter(target_type="activity", target_id=str(activity.pk)).order_by("-pk")
    is_open = is_worth_chances(state=activity.state, ends_at=activity.ends_at, now=deed.at + _TOLERANCE)
    return is_open and touched.values_list("created_at", flat=True)[0] < deed.at - _TOLERANCE


def _said_at(trail: Sequence[tuple[datetime, Mapping[str, Any]]], moment: datetime) -> Mapping[str, Any]:
    """What had been said last at a moment; nothing if it was said about then."""
    if any(abs(at - moment) < _TOLERANCE for at, _ in trail):
        return {}
    return next((said for at, said in reversed(trail) if at < moment), {})


def _is_given_by(row: Rebate, versions: Sequence[Mapping[str, Any]], paid_fen: int) -> bool:
    """Whether a version of a rule, as it was saved, gives this. Chances of an activity that was over were not given."""
    if not 1 <= row.rule_version <= len(versions):
        return False
    rule = versions[row.rule_version - 1]
    points = rules.rebate_points(points=rule["points"], points_per_yuan=rule["points_per_yuan"], amount_fen=paid_fen)
    return (
        rule["is_active"]
        and (done := behaviour_of(row.behaviour_key)) is not None
        and done.code == rule["behaviour"]
        and row.points == points
        and row.chances in {0, rule["chances"]}
        and _text(row.activity_id) == (rule["activity_id"] if row.chances else None)
    )


def _paid_fen(keys: Sequence[str]) -> dict[str, int]:
    """What was paid, by the behaviour keys of what was done."""
    paid: dict[str, int] = {}
    for behaviour in BEHAVIOURS:
        paid |= behaviour.amounts_fen([key for key in keys if behaviour_of(key) is behaviour])
    return paid


def _text(pk: UUID | None) -> str | None:
    return None if pk is None else str(pk)
