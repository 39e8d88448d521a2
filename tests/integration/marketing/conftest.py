"""What the tests over HTTP share: an activity that is live at the real present, on the home stage."""

from datetime import timedelta

import pytest

from apps.kernel import clock
from apps.marketing import services
from apps.marketing.contracts import ActivityDetail, Limits
from tests.integration.marketing import campaign


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
