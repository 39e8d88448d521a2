"""Odds: drafts change freely, publication checks them, and what is published never changes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, transaction

from apps.accounts.contracts import Member
from apps.kernel.errors import DomainError, ReasonMissing
from apps.kernel.models import AuditEntry
from apps.marketing import errors, services
from apps.marketing.contracts import ActivityDetail, ActivityState, PrizeDraft
from apps.marketing.models import Activity, OddsVersion, Prize, PrizeStock
from apps.marketing.odds import selectors as odds_selectors
from apps.marketing.odds.rules import content_hash, format_of
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON, POINTS_PRIZE, PRIZES, THANKS

pytestmark = pytest.mark.django_db


def version_of(activity: ActivityDetail) -> UUID:
    """The odds that an activity was made with."""
    assert activity.odds_version_id is not None
    return activity.odds_version_id


def test_publication_is_audited_and_retires_the_version_before() -> None:
    other, activity = campaign.activity(), campaign.activity()
    first = version_of(activity)

    second = campaign.publish(activity.id, [replace(THANKS, weight=1)])

    assert OddsVersion.objects.get(pk=first).state == "retired"
    assert odds_selectors.current_odds(activity_id=activity.id).version_id == second
    states = dict(OddsVersion.objects.values_list("pk", "state"))
    assert [states[pk] for pk in (first, second, version_of(other))] == ["retired", "published", "published"]
    assert OddsVersion.objects.get(pk=second).published_by == "system"
    assert odds_selectors.published_odds(version_id=first).declared_total == 10
    entry = AuditEntry.objects.filter(action="marketing.publish_odds").order_by("-pk")[0]
    assert (entry.target_id, entry.reason) == (str(second), "set-up")
    assert entry.before == {"odds_version": str(first)}


def test_a_draft_that_does_not_add_up_stays_a_draft() -> None:
    activity = campaign.activity()
    draft = services.save_draft(activity_id=activity.id, declared_total=11, prizes=PRIZES, now=NOON)

    with pytest.raises(errors.OddsWeightsMismatch) as refusal:
        services.publish_odds(version_id=draft.id, actor="staff:1", reason="spring", now=NOON)

    assert refusal.value.context == {"declared": 11, "actual": 10}
    assert OddsVersion.objects.get(pk=draft.id).state == "draft"
    assert odds_selectors.current_odds(activity_id=activity.id).version_id == version_of(activity)
    assert [entry.action for entry in AuditEntry.objects.filter(target_id=str(draft.id))] == ["marketing.save_draft"]


def test_publication_a_clone_and_a_pause_need_a_reason() -> None:
    activity = campaign.activity()
    draft = services.save_draft(activity_id=activity.id, declared_total=10, prizes=PRIZES, now=NOON)

    for act in (services.publish_odds, services.clone_odds):
        with pytest.raises(ReasonMissing):
            act(version_id=draft.id, actor="staff:1", reason="  ", now=NOON)
    with pytest.raises(ReasonMissing):
        services.set_activity_state(
            activity_id=activity.id, state=ActivityState.PAUSED, actor="staff:1", reason="", now=NOON
        )
    assert OddsVersion.objects.count() == 2


def test_a_version_is_published_once() -> None:
    activity = campaign.activity()

    with pytest.raises(errors.IllegalTransition):
        services.publish_odds(version_id=version_of(activity), actor="staff:1", reason="again", now=NOON)


def test_a_clone_is_a_draft_with_the_same_prizes() -> None:
    activity = campaign.activity()

    clone = services.clone_odds(version_id=version_of(activity), actor="staff:1", reason="more", now=NOON)

    assert (clone.state, clone.number, clone.declared_total) == ("draft", 2, 10)
    titles = Prize.objects.filter(odds_id=clone.id).order_by("position").values_list("title", flat=True)
    assert list(titles) == [prize.title for prize in PRIZES]
    entry = AuditEntry.objects.get(action="marketing.clone_odds")
    assert (entry.actor, entry.reason, entry.target_id) == ("staff:1", "more", str(clone.id))
    assert (entry.after or {})["cloned_from"] == str(version_of(activity))


def test_the_trail_of_a_draft_has_its_whole_content_before_and_after() -> None:
    activity = campaign.activity()
    draft = services.save_draft(activity_id=activity.id, declared_total=10, prizes=PRIZES, now=NOON)

    said: dict[str, Any] = {"actor": "staff:1", "reason": "one prize is enough"}
    services.save_draft(
        activity_id=activity.id,
        version_id=draft.id,
        declared_total=1,
        prizes=[replace(THANKS, weight=1)],
        now=NOON,
        **said,
    )

    first, second = AuditEntry.objects.filter(target_id=str(draft.id)).order_by("pk")
    before, after = first.after or {}, second.after or {}
    assert (first.before, second.before) == (None, before)
    assert [prize["title"] for prize in before["prizes"]] == [prize.title for prize in PRIZES]
    assert {"number", "format", "activity", "declared_total", "prizes"} == set(after)
    assert [(prize["title"], prize["weight"]) for prize in after["prizes"]] == [(THANKS.title, 1)]
    assert (second.actor, second.reason) == ("staff:1", "one prize is enough")


def test_a_draft_that_somebody_else_changed_is_not_overwritten() -> None:
    activity = campaign.activity()
    draft = services.save_draft(activity_id=activity.id, declared_total=10, prizes=PRIZES, now=NOON)
    seen = [prize.id for prize in odds_selectors.prizes_of(draft.id)]
    rewrite = partial(services.save_draft, activity_id=activity.id, version_id=draft.id, seen=seen, now=NOON)
    rewrite(declared_total=10, prizes=PRIZES[:1])

    with pytest.raises(errors.DraftChanged):
        rewrite(declared_total=10, prizes=PRIZES)

    assert [prize.title for prize in odds_selectors.prizes_of(draft.id)] == [PRIZES[0].title]


def test_what_is_published_is_not_edited() -> None:
    activity = campaign.activity()
    before = odds_selectors.published_odds(version_id=version_of(activity))

    with pytest.raises(errors.IllegalTransition):
        services.save_draft(
            activity_id=activity.id, version_id=version_of(activity), declared_total=1, prizes=(), now=NOON
        )

    odds_selectors._published.clear()
    assert odds_selectors.published_odds(version_id=version_of(activity)) == before


@pytest.mark.parametrize(
    ("second", "refusal"),
    [
        (replace(THANKS, position=0, is_fallback=False), errors.OddsPositionRepeated),
        (replace(THANKS, position=1, is_fallback=True), errors.OddsFallbackAmbiguous),
    ],
)
def test_a_draft_cannot_hold_what_the_table_cannot(second: PrizeDraft, refusal: type[DomainError]) -> None:
    activity = campaign.activity()
    first = replace(THANKS, position=0, is_fallback=True)

    with pytest.raises(refusal):
        services.save_draft(activity_id=activity.id, declared_total=2, prizes=[first, second], now=NOON)

    assert not OddsVersion.objects.filter(state="draft").exists()


def test_the_published_text_is_kept_and_shown_as_it_was_hashed() -> None:
    activity = campaign.activity()
    odds = odds_selectors.published_odds(version_id=version_of(activity))

    assert OddsVersion.objects.get(pk=odds.version_id).content == odds.content
    assert content_hash(odds.content) == odds.content_hash
    assert format_of(odds.content) == 2
    assert format_of('{"activity":"x","declared_total":1,"prizes":[]}') == 1


def test_a_draft_is_nobodys_business() -> None:
    activity = campaign.activity()
    draft = services.save_draft(activity_id=activity.id, declared_total=10, prizes=PRIZES, now=NOON)

    with pytest.raises(errors.OddsNotFound):
        odds_selectors.published_odds(version_id=draft.id)


def _reweigh(version: OddsVersion) -> None:
    Prize.objects.filter(odds=version).update(weight=5)


def _remove(version: OddsVersion) -> None:
    Prize.objects.filter(odds=version, position=0).delete()


def _add(version: OddsVersion) -> None:
    Prize.objects.create(odds=version, position=7, title="more", kind="nothing", weight=1, created_at=NOON)


def _move_in(version: OddsVersion) -> None:
    draft = OddsVersion.objects.create(activity_id=version.activity_id, number=99, declared_total=1, created_at=NOON)
    prize = Prize.objects.create(odds=draft, position=7, title="more", kind="nothing", weight=1, created_at=NOON)
    Prize.objects.filter(pk=prize.pk).update(odds=version)


def _redeclare(version: OddsVersion) -> None:
    OddsVersion.objects.filter(pk=version.pk).update(declared_total=99)


def _rehash(version: OddsVersion) -> None:
    OddsVersion.objects.filter(pk=version.pk).update(content_hash="0" * 64)


def _reword(version: OddsVersion) -> None:
    OddsVersion.objects.filter(pk=version.pk).update(content="{}")


def _backdate(version: OddsVersion) -> None:
    OddsVersion.objects.filter(pk=version.pk).update(published_at=NOON - timedelta(days=99))


def _undraft(version: OddsVersion) -> None:
    OddsVersion.objects.filter(pk=version.pk).update(state="draft", published_at=None, content="", content_hash="")


def _delete(version: OddsVersion) -> None:
    OddsVersion.objects.filter(pk=version.pk)._raw_delete("default")


@pytest.mark.parametrize(
    "tamper", [_reweigh, _remove, _add, _move_in, _redeclare, _rehash, _reword, _backdate, _undraft, _delete]
)
@pytest.mark.parametrize("is_retired", [False, True])
def test_the_database_refuses_to_change_published_odds(
    tamper: Callable[[OddsVersion], None], *, is_retired: bool
) -> None:
    activity = campaign.activity()
    if is_retired:
        campaign.publish(activity.id, [replace(THANKS, weight=1)])
    version = OddsVersion.objects.get(pk=version_of(activity))

    with pytest.raises(DatabaseError), transaction.atomic():
        tamper(version)

    assert campaign.breaches() == []


def test_a_retired_version_is_never_published_again() -> None:
    activity = campaign.activity()
    campaign.publish(activity.id, [replace(THANKS, weight=1)])

    with pytest.raises(DatabaseError), transaction.atomic():
        OddsVersion.objects.filter(pk=version_of(activity)).update(state="published")


def test_stock_is_corrected_but_never_below_what_was_issued(alice: Member) -> None:
    activity = campaign.activity()
    cups = services.save_stock(activity_id=activity.id, code="cups", total=9, now=NOON)
    campaign.publish(activity.id, campaign.sure(POINTS_PRIZE, activity.id, stock=5))
    campaign.give_chances(alice.id, activity.id, 2)
    for _ in range(2):
        campaign.draw(alice.id, activity.id)
    stock = PrizeStock.objects.exclude(pk=cups.id).get()

    corrected = services.correct_stock(stock_id=stock.id, total=2, actor="staff:1", reason="broken", now=NOON)

    assert (corrected.total, corrected.issued) == (2, 2)
    with pytest.raises(errors.StockBelowIssued):
        services.correct_stock(stock_id=stock.id, total=1, actor="staff:1", reason="more", now=NOON)
    assert AuditEntry.objects.get(action="marketing.correct_stock").before == {"total": 5}
    assert PrizeStock.objects.get(pk=cups.id).total == 9


def test_a_stock_of_nothing_is_none() -> None:
    activity = campaign.activity()

    with pytest.raises(errors.StockEmpty):
        services.save_stock(activity_id=activity.id, code="cups", total=0, now=NOON)
    stock = services.save_stock(activity_id=activity.id, code="cups", total=2, now=NOON)
    with pytest.raises(errors.StockEmpty):
        services.correct_stock(stock_id=stock.id, total=0, actor="system", reason="broken", now=NOON)

    # Set-up that runs again undoes no correction.
    assert services.save_stock(activity_id=activity.id, code="cups", total=7, now=NOON).total == 2
    assert PrizeStock.objects.get().total == 2


def test_a_prize_that_nobody_can_win_is_not_promised() -> None:
    """Neither by publication nor, when its stock was emptied in between, by the start."""
    activity = campaign.activity(state=ActivityState.DRAFT)
    prizes = campaign.sure(POINTS_PRIZE, activity.id, stock=1)
    campaign.publish(activity.id, prizes)
    PrizeStock.objects.update(issued=1)

    with pytest.raises(errors.OddsStockEmpty):
        campaign.publish(activity.id, prizes)
    with pytest.raises(errors.OddsStockEmpty):
        campaign.set_state(activity.id, ActivityState.LIVE)

    assert Activity.objects.get().state == ActivityState.DRAFT
    PrizeStock.objects.update(issued=0)
    assert campaign.set_state(activity.id, ActivityState.LIVE).state == ActivityState.LIVE


def test_an_activity_ends_for_ever() -> None:
    activity = campaign.activity(state=ActivityState.ENDED)

    with pytest.raises(errors.IllegalTransition):
        campaign.set_state(activity.id, ActivityState.LIVE)


@pytest.mark.parametrize("state", [ActivityState.LIVE, ActivityState.PAUSED, ActivityState.ENDED])
def test_an_activity_that_left_its_draft_keeps_its_time_zone(alice: Member, state: ActivityState) -> None:
    activity = campaign.activity(time_zone="Asia/Shanghai")
    campaign.give_chances(alice.id, activity.id, 2)
    # Still the day before in Shanghai; on the other side of the world it would be the day of NOON.
    for now in (NOON - timedelta(hours=13), NOON):
        campaign.draw(alice.id, activity.id, now=now)
    if state != ActivityState.LIVE:
        campaign.set_state(activity.id, state)
    trail = AuditEntry.objects.count()

    with pytest.raises(errors.TimeZoneFixed):
        rezone(activity, "Pacific/Kiritimati")

    assert Activity.objects.get(pk=activity.id).time_zone == "Asia/Shanghai"
    assert AuditEntry.objects.count() == trail
    assert campaign.breaches() == []
    assert rezone(activity, "Asia/Shanghai").title == "Winter draw"


def test_a_draft_activity_may_still_move() -> None:
    activity = campaign.activity(state=ActivityState.DRAFT)

    assert rezone(activity, "Pacific/Kiritimati").time_zone == "Pacific/Kiritimati"


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"time_zone": "Asia/Shangha"}, errors.TimeZoneUnknown),
        ({"time_zone": "../Shanghai"}, errors.TimeZoneUnknown),
        ({"ends_at": NOON}, errors.WindowInvalid),
        ({"ends_at": NOON - timedelta(seconds=1)}, errors.WindowInvalid),
    ],
)
def test_an_activity_has_a_known_time_zone_and_ends_after_its_start(
    changes: dict[str, Any], refusal: type[DomainError]
) -> None:
    values = {"starts_at": NOON, "ends_at": NOON + timedelta(seconds=1), "time_zone": "Asia/Shanghai", **changes}

    with pytest.raises(refusal):
        services.save_activity(code="new", title="New", subtitle="", limits=campaign.NO_LIMITS, now=NOON, **values)

    assert not Activity.objects.exists()


def rezone(activity: ActivityDetail, time_zone: str) -> ActivityDetail:
    """Save the activity with another title and time zone."""
    return services.save_activity(
        code=activity.code,
        title="Winter draw",
        subtitle=activity.subtitle,
        starts_at=activity.starts_at,
        ends_at=activity.ends_at,
        time_zone=time_zone,
        limits=activity.limits,
        now=NOON,
    )


def test_a_pause_ends_also_when_a_prize_is_sold_out_by_then() -> None:
    activity = campaign.activity(state=ActivityState.DRAFT)
    campaign.publish(activity.id, campaign.sure(POINTS_PRIZE, activity.id, stock=1))
    campaign.set_state(activity.id, ActivityState.LIVE)
    campaign.set_state(activity.id, ActivityState.PAUSED)
    PrizeStock.objects.update(issued=1)

    assert campaign.set_state(activity.id, ActivityState.LIVE).state == ActivityState.LIVE
