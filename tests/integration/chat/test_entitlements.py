"""Rights to models that end: what lengthens them, what they open, and who is told until when."""

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.models import Entitlement
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from apps.ledger.contracts import Cause
from tests.integration.chat.conftest import make_model, send

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _a_model_that_needs_a_right(db: None) -> None:
    make_model("vip", needs_entitlement=True)


def grant(member: Member, cause: str, *, days: int | None, now: datetime) -> None:
    with transaction.atomic():
        services.grant_entitlement(user_id=member.id, model_id="vip", cause=Cause("test", cause), days=days, now=now)


def until(member: Member, now: datetime) -> tuple[bool, datetime | None]:
    (offer,) = services.models_for(user_id=member.id, now=now)
    return offer.entitled, offer.entitled_until


def ends() -> list[tuple[int, datetime | None]]:
    return list(Entitlement.objects.order_by("number").values_list("number", "ends_at"))


def assert_ends_are_as_granted() -> None:
    checks = [check for check in all_invariants() if check.number == "I-50-ends"]
    assert [breach for check in checks for breach in check.check(clock.now())] == []
    assert checks


def test_there_is_no_right_to_a_model_that_does_not_exist(alice: Member) -> None:
    with pytest.raises(errors.ModelNotFound):
        services.grant_entitlement(user_id=alice.id, model_id="gone", cause=Cause("test", "1"), now=clock.now())

    assert not Entitlement.objects.exists()


def test_a_right_opens_its_model_until_its_end_and_not_at_it(rich_alice: Member) -> None:
    now = clock.now()
    grant(rich_alice, "1", days=3, now=now)
    end = now + 3 * DAY

    assert until(rich_alice, now) == (True, end)
    assert send(rich_alice.id, model="vip", now=end - timedelta(microseconds=1)).generation.model == "vip"
    assert services.quota_of(user_id=rich_alice.id, now=now).entitlements == ("vip",)

    with pytest.raises(errors.ModelNotEntitled):
        send(rich_alice.id, model="vip", now=end)
    assert until(rich_alice, end) == (False, None)
    assert services.quota_of(user_id=rich_alice.id, now=end).entitlements == ()


def test_two_kinds_of_causes_with_one_number_give_twice(alice: Member) -> None:
    now = clock.now()
    for cause in (Cause("test", "1"), Cause("test.gift", "1"), Cause("test.gift", "1")):
        services.grant_entitlement(user_id=alice.id, model_id="vip", cause=cause, days=10, now=now)

    assert ends() == [(1, now + 10 * DAY), (2, now + 20 * DAY)]


def test_days_follow_those_that_are_left(alice: Member, bob: Member) -> None:
    now = clock.now()
    grant(alice, "1", days=30, now=now)
    grant(alice, "2", days=7, now=now + DAY)
    grant(alice, "2", days=7, now=now + 2 * DAY)

    assert ends() == [(1, now + 30 * DAY), (2, now + 37 * DAY)]
    assert until(alice, now + 36 * DAY) == (True, now + 37 * DAY)
    assert services.quota_of(user_id=alice.id, now=now).entitlements == ("vip",)
    assert services.quota_of(user_id=bob.id, now=now).entitlements == ()
    assert_ends_are_as_granted()


def test_each_grant_of_many_begins_at_the_end_of_the_newest(alice: Member) -> None:
    now = clock.now()
    for number in ("1", "2", "3"):
        grant(alice, number, days=10, now=now)

    assert ends() == [(1, now + 10 * DAY), (2, now + 20 * DAY), (3, now + 30 * DAY)]


def test_one_cause_gives_rights_to_several_models_and_members_each_from_now(alice: Member, bob: Member) -> None:
    make_model("other", needs_entitlement=True)
    now, cause = clock.now(), Cause("test", "1")
    for member, model in ((alice, "vip"), (alice, "other"), (bob, "vip")):
        with transaction.atomic():
            services.grant_entitlement(user_id=member.id, model_id=model, cause=cause, days=10, now=now)

    assert ends() == [(1, now + 10 * DAY)] * 3


def test_a_right_that_ended_begins_again_with_the_next_grant(alice: Member) -> None:
    now = clock.now()
    grant(alice, "1", days=1, now=now)
    grant(alice, "2", days=2, now=now + 10 * DAY)

    assert ends() == [(1, now + DAY), (2, now + 12 * DAY)]
    assert_ends_are_as_granted()


@pytest.mark.parametrize(("first", "second"), [(None, 7), (7, None), (None, None)])
def test_for_ever_stays_for_ever(alice: Member, first: int | None, second: int | None) -> None:
    now = clock.now()
    grant(alice, "1", days=first, now=now)
    grant(alice, "2", days=second, now=now)

    assert until(alice, now + 10_000 * DAY) == (True, None)
    assert_ends_are_as_granted()


def test_a_right_of_no_days_is_refused(alice: Member) -> None:
    with pytest.raises(IntegrityError):
        grant(alice, "1", days=0, now=clock.now())


def test_its_owner_is_told_until_when(alice: Member, bob: Member, alice_browser: Client, bob_browser: Client) -> None:
    now = clock.now()
    grant(alice, "1", days=3, now=now)
    grant(bob, "1", days=None, now=now)
    end = timezone.localtime(now + 3 * DAY)

    (model,) = alice_browser.get("/api/v1/chat/models").json()
    assert datetime.fromisoformat(model["entitled_until"]) == end
    assert f"{end:%Y-%m-%d %H:%M}" in alice_browser.get("/chat/").content.decode()
    (model,) = bob_browser.get("/api/v1/chat/models").json()
    assert (model["entitled"], model["entitled_until"]) == (True, None)
    (told,) = services.export_entitlements(user_id=alice.id)
    assert (told["model"], told["days"], told["ends_at"]) == ("vip", 3, now + 3 * DAY)
    (told,) = services.export_entitlements(user_id=bob.id)
    assert (told["days"], told["ends_at"]) == (None, None)


def test_a_model_for_everybody_has_no_end(alice: Member) -> None:
    grant(alice, "1", days=3, now=clock.now())
    make_model("vip", needs_entitlement=False)

    assert until(alice, clock.now()) == (True, None)
