"""A draw that waits for its turn is dated by what it waited for: rows never change, and the audit compares dates."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apps.accounts.contracts import Member
from apps.marketing import errors, services
from apps.marketing.contracts import Limits
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON, THANKS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sound_books() -> Iterator[None]:
    """Whatever a test did, the audit finds nothing."""
    yield
    assert campaign.breaches() == []


def test_a_draw_that_waited_over_midnight_belongs_to_the_day_that_counted_it(alice: Member) -> None:
    activity = campaign.activity(limits=Limits(day=9, month=9))
    campaign.give_chances(alice.id, activity.id, 2)
    midnight = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)  # the first of December in Shanghai

    campaign.draw(alice.id, activity.id, now=midnight + timedelta(milliseconds=1))
    late = campaign.draw(alice.id, activity.id, now=midnight - timedelta(milliseconds=1))

    assert late.draws[0].created_at == midnight
    assert campaign.breaches(midnight + timedelta(hours=1)) == []


def test_a_draw_that_waited_for_a_publication_is_not_older_than_its_odds(alice: Member) -> None:
    activity = campaign.activity()
    campaign.give_chances(alice.id, activity.id)
    prizes = [replace(THANKS, weight=1)]
    draft = services.save_draft(activity_id=activity.id, declared_total=1, prizes=prizes, now=NOON)
    just_after = NOON + timedelta(milliseconds=1)
    services.publish_odds(version_id=draft.id, actor="system", reason="new odds", now=just_after)

    late = campaign.draw(alice.id, activity.id)

    assert late.draws[0].created_at == just_after
    assert late.draws[0].proof.version_id == draft.id


def test_a_draw_that_waited_for_a_publication_over_midnight_belongs_to_the_day_of_its_odds(alice: Member) -> None:
    activity = campaign.activity(limits=Limits(day=2))
    campaign.give_chances(alice.id, activity.id, 2)
    midnight = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)  # the first of December in Shanghai
    draft = services.save_draft(
        activity_id=activity.id, declared_total=1, prizes=[replace(THANKS, weight=1)], now=midnight
    )
    published_at = midnight + timedelta(milliseconds=1)
    services.publish_odds(version_id=draft.id, actor="system", reason="new odds", now=published_at)

    late = campaign.draw(alice.id, activity.id, now=midnight - timedelta(milliseconds=1))
    campaign.draw(alice.id, activity.id, now=midnight + timedelta(hours=1))

    assert late.draws[0].created_at == published_at
    assert campaign.breaches(midnight + timedelta(hours=2)) == []


def test_a_draw_that_waited_until_the_end_is_too_late(alice: Member) -> None:
    """The request came in the last microsecond; when its turn came, the activity was over."""
    activity = campaign.activity()
    campaign.give_chances(alice.id, activity.id)

    with pytest.raises(errors.ActivityEnded):
        campaign.draw(alice.id, activity.id, now=activity.ends_at - timedelta(microseconds=1))

    assert campaign.chances(alice.id, activity.id) == 1


def test_a_draw_by_other_odds_than_were_shown_is_refused(alice: Member) -> None:
    activity = campaign.activity()
    campaign.give_chances(alice.id, activity.id, 2)
    shown = activity.odds_version_id
    present = campaign.publish(activity.id, [replace(THANKS, weight=1)])

    with pytest.raises(errors.OddsChanged) as refusal:
        campaign.draw(alice.id, activity.id, odds_version=shown)

    assert refusal.value.context == {"version": str(present)}
    assert campaign.chances(alice.id, activity.id) == 2
    campaign.draw(alice.id, activity.id, odds_version=present)
