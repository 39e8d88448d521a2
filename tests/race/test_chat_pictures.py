"""Real threads: nobody keeps more pictures than a member may."""

from functools import partial

import pytest
from django.conf import LazySettings

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.errors import PicturesFull
from apps.chat.models import Picture
from apps.kernel import clock
from tests.integration.chat.drawn import drawn
from tests.race.concurrency import run_concurrently
from tests.race.guards import guarded_by, locks

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@guarded_by(locks("accounts_user"), meet='INSERT INTO "chat_picture"', seen="[4-8] == 3")
def test_of_twenty_pictures_at_once_three_fit(alice: Member, settings: LazySettings) -> None:
    settings.PICTURES_PER_MEMBER = 3
    upload = partial(services.upload_picture, user_id=alice.id, content=drawn(), now=clock.now())

    outcomes = run_concurrently(upload, 20)

    assert Picture.objects.count() == 3
    assert outcomes.kinds == {PicturesFull}
