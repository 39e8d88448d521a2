"""Real threads: images are drawn for whom there is room, and settled once."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.conf import LazySettings

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState, Outcome, PerImage
from apps.chat.errors import PicturesFull
from apps.chat.imaging.cleaning import clean
from apps.chat.models import Generation, Picture
from apps.chat.rules.images import read_images
from apps.kernel import clock
from tests.integration.chat.conftest import give_quota, make_model, set_limits, whole_attempt
from tests.integration.chat.drawn import drawn
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_v1_models import key_of
from tests.race.concurrency import run_concurrently, run_together
from tests.race.guards import guarded_by, locks, taken_as_read

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

WORKERS = 20
PRICE = PerImage(image_milli=700)


def start(member: Member, number: int) -> Generation:
    """Images, asked for with a key."""
    key = accounts.identify_key(key=key_of(member), address="", now=clock.now())
    asked = read_images({"model": "painter", "prompt": "hills", "n": number})
    started = services.start_images(asked=asked, key=key, address="", now=clock.now())
    return Generation.objects.get(pk=started.generations[0].id)


@guarded_by(locks("accounts_user"), meet=r"INSERT INTO chat_freeuse", seen="[4-8] == 3")
def test_of_twenty_who_ask_for_images_as_many_are_begun_as_there_is_room(alice: Member, settings: LazySettings) -> None:
    settings.PICTURES_PER_MEMBER = 7
    make_model("painter", kind="image", price=PRICE)
    set_limits(max_running=WORKERS, max_per_minute=WORKERS)
    give_quota(alice.id, 100_000)

    outcomes = run_concurrently(partial(start, alice, 2), WORKERS)

    assert Generation.objects.count() == 3
    assert outcomes.kinds == {PicturesFull}
    assert services.quota_of(user_id=alice.id, now=clock.now()).held_milli == 3 * 1400
    assert_audit_is_clean()


@guarded_by(taken_as_read('UPDATE "chat_generation" SET "state"', r"(?<=WHERE ).+"), seen="IntegrityError")
def test_images_that_an_engine_and_a_sweeper_end_at_once_are_paid_and_there_or_neither(alice: Member) -> None:
    make_model("painter", kind="image", price=PRICE)
    set_limits(max_running=WORKERS)
    give_quota(alice.id, 10_000)
    row = start(alice, 2)
    (job,) = services.claim_jobs(limit=9, now=clock.now())
    stored = services.store_made(pictures=[clean(drawn(), is_made=True)] * 2)
    outcome = Outcome(state=GenerationState.FINISHED, text="", pictures=stored, finish_reason="stop", was_taken=True)
    finish: Callable[[], object] = partial(
        services.finish_run,
        generation_id=job.generation_id,
        lease_token=job.lease_token,
        outcome=outcome,
        now=clock.now(),
        attempt=whole_attempt(job),
    )
    sweep: Callable[[], object] = partial(services.settle_abandoned, now=clock.now() + timedelta(seconds=20))

    outcomes = run_together([finish, sweep] * 4)

    assert outcomes.errors == []
    row.refresh_from_db()
    assert row.charged_milli == 700 * Picture.objects.count() == (1400 if row.is_delivered else 0)
    assert services.quota_of(user_id=alice.id, now=clock.now()).held_milli == 0
    assert_audit_is_clean()
