"""A draw that waits for its seat goes on with what its activity has become meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.marketing import errors
from apps.marketing.contracts import ActivityDetail, ActivityState
from apps.marketing.models import Activity, Draw
from apps.marketing.seats.selectors import lock_seat
from tests.cast import member
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import QUOTA as QUOTA_PRIZE
from tests.race.concurrency import in_thread, run_together
from tests.race.guards import guarded_by, taken_as_read

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

NOT_LOOKED_AGAIN = taken_as_read('UPDATE "marketing_participation"', r"(?<=WHERE ).+")


@pytest.fixture
def alice(transactional_db: None) -> Member:
    """A member."""
    return member("alice")


@pytest.mark.parametrize("state", [ActivityState.PAUSED, ActivityState.ENDED])
@guarded_by(NOT_LOOKED_AGAIN, seen="DID NOT RAISE")
def test_a_draw_that_waits_for_its_seat_sees_what_became_of_the_activity(
    state: ActivityState, alice: Member, autumn: ActivityDetail
) -> None:
    campaign.give_chances(alice.id, autumn.id)
    refused = {ActivityState.PAUSED: errors.ActivityPaused, ActivityState.ENDED: errors.ActivityEnded}

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            lock_seat(person_id=accounts.person_of(user_id=alice.id), activity_id=autumn.id)
            drawing = pool.submit(in_thread, partial(campaign.draw, alice.id, autumn.id))
            with suppress(TimeoutError):
                drawing.result(timeout=1)  # it waits for the seat
            run_together([partial(campaign.set_state, autumn.id, state)])
        with pytest.raises(refused[state]):
            drawing.result(timeout=60)

    assert campaign.chances(alice.id, autumn.id) == 1
    assert not Draw.objects.exists()


@guarded_by(NOT_LOOKED_AGAIN, seen="DID NOT RAISE")
def test_a_draw_that_waits_for_its_seat_sees_that_the_end_was_moved(alice: Member, autumn: ActivityDetail) -> None:
    campaign.give_chances(alice.id, autumn.id)

    def end_earlier() -> None:
        Activity.objects.filter(pk=autumn.id).update(ends_at=campaign.NOON - timedelta(seconds=1))

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            lock_seat(person_id=accounts.person_of(user_id=alice.id), activity_id=autumn.id)
            drawing = pool.submit(in_thread, partial(campaign.draw, alice.id, autumn.id))
            with suppress(TimeoutError):
                drawing.result(timeout=1)  # it waits for the seat
            run_together([end_earlier])
        with pytest.raises(errors.ActivityEnded):
            drawing.result(timeout=60)

    assert campaign.chances(alice.id, autumn.id) == 1
    assert not Draw.objects.exists()


@guarded_by(NOT_LOOKED_AGAIN, seen="DID NOT RAISE")
def test_a_draw_that_waits_for_its_seat_is_by_the_odds_of_its_moment(alice: Member, autumn: ActivityDetail) -> None:
    campaign.give_chances(alice.id, autumn.id)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            lock_seat(person_id=accounts.person_of(user_id=alice.id), activity_id=autumn.id)
            drawing = pool.submit(in_thread, partial(campaign.draw, alice.id, autumn.id))
            with suppress(TimeoutError):
                drawing.result(timeout=1)  # it waits for the seat
            run_together([partial(campaign.publish, autumn.id, campaign.sure(QUOTA_PRIZE, autumn.id))])
        with pytest.raises(errors.DrawConflict):
            drawing.result(timeout=60)

    assert campaign.chances(alice.id, autumn.id) == 1
