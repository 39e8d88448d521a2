"""What the tests share: it is the campaign's noon, and an activity is live on the home stage."""

from datetime import timedelta

import pytest

from apps.kernel import clock
from apps.marketing import services
from apps.marketing.contracts import ActivityDetail, Limits
from tests.integration.marketing import campaign


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the campaign's noon, and time goes on from there: pages and audits see what the tests did today."""
    monkeypatch.setattr(clock, "now", clock.running_from(campaign.NOON))


@pytest.fixture
def autumn(db: None) -> ActivityDetail:
    """A live activity with a day limit of fifty."""
    now = clock.now()
    made = campaign.activity()
    services.save_activity(
        code=made.code,
        title=made.title,
        subtitle=made.subtitle,
        starts_at=now - timedelta(days=30),
        ends_at=now + timedelta(days=30),
        time_zone="Asia/Shanghai",
        limits=Limits(day=50),
        now=now,
    )
    services.bind_stage(channel="web", source="home", activity_id=made.id, now=now)
    return made
