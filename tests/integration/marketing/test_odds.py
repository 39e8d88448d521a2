"""Odds: drafts change freely, publication checks them, and what is published never changes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import DatabaseError, transaction

from apps.accounts.contracts import Member
from apps.kernel.models import AuditEntry
from apps.marketing import errors, selectors, services
from apps.marketing.contracts import ActivityDetail, ActivityState
from apps.marketing.models import Activity, OddsVersion, Prize, PrizeStock
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON, POINTS_PRIZE, PRIZES, THANKS

pytestmark = pytest.mark.django_db


def version_of(activity: ActivityDetail) -> UUID:
    """The odds that an activity was made with."""
    assert activity.odds_version_id is not None
    return activity.odds_version_id


def test_publication_is_audited_and_retires_the_version_before() -> None:
    activity = campaign.activity()
    first = version_of(activity)

    second = campaign.publish(activity.id, [replace(THANKS, weight=1)])

    assert OddsVersion.objects.get(pk=first).state == "retired"
    assert selectors.current_odds(activity_id=activity.id).version_id == second
    assert selectors.published_odds(version_id=first).declared_total == 10
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
    assert selectors.current_odds(activity_id=activity.id).version_id == version_of(activity)
    assert not AuditEntry.objects.filter(target_id=str(draft.id)).exists()


def test_publication_needs_a_reason() -> None:
    activity = campaign.activity()
    draft = services.save_draft(activity_id=activity.id, declared_total=10, prizes=PRIZES, now=NOON)

    with pytest.raises(errors.ReasonMissing):
        services.publish_odds(version_id=draft.id, actor="staff:1", reason="  ", now=NOON)


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


def test_a_draft_is_nobodys_business() -> None:
    activity = campaign.activity()
    draft = services.save_draft(activity_id=activity.id, declared_total=10, prizes=PRIZES, now=NOON)

    with pytest.raises(errors.OddsNotFound):
        selectors.published_odds(version_id=draft.id)


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


def _backdate(version: OddsVersion) -> None:
    OddsVersion.objects.filter(pk=version.pk).update(published_at=NOON - timedelta(days=99))


def _undraft(version: OddsVersion) -> None:
    OddsVersion.objects.filter(pk=version.pk).update(state="draft", published_at=None, content_hash="")


def _delete(version: OddsVersion) -> None:
    OddsVersion.objects.filter(pk=version.pk)._raw_delete("default")


@pytest.mark.parametrize(
    "tamper", [_reweigh, _remove, _add, _move_in, _redeclare, _rehash, _backdate, _undraft, _delete]
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
    campaign.publish(activity.id, campaign.sure(POINTS_PRIZE, activity.id, stock=5))
    campaign.give_chances(alice.id, activity.id, 2)
    for _ in range(2):
        campaign.draw(alice.id, activity.id)
    stock = PrizeStock.objects.get()

    corrected = services.correct_stock(stock_id=stock.id, total=2, actor="staff:1", reason="broken", now=NOON)

    assert (corrected.total, corrected.issued) == (2, 2)
    with pytest.raises(errors.StockBelowIssued):
        services.correct_stock(stock_id=stock.id, total=1, actor="staff:1", reason="more", now=NOON)
    assert AuditEntry.objects.get(action="marketing.correct_stock").before == {"total": 5}


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
