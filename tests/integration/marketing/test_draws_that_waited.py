"""A draw that waits for its turn is dated by what it waited for: rows never change, and the audit compares dates."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apps.accounts.contracts import Member
from apps.marketing import services
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
