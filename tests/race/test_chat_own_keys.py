"""Real threads: a member has one key of a kind."""

from collections.abc import Iterator
from functools import partial

import pytest
from django.conf import LazySettings

from apps.accounts.contracts import Member
from apps.chat.models import OwnKey
from apps.chat.rules import own_keys as of_own
from tests.integration.chat.own_keys import OWN, enter, provider
from tests.integration.chat.upstream import Upstream
from tests.race.concurrency import run_together
from tests.race.guards import dropped, guarded_by, locks

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

PROCESSES = 4


@pytest.fixture
def upstream(db: None, settings: LazySettings) -> Iterator[Upstream]:
    """The provider of the kind."""
    with provider(settings) as running:
        yield running


@guarded_by(
    locks("accounts_user"),
    dropped("chat_ownkey_once_per_kind"),
    meet='INSERT INTO "chat_ownkey"',
    seen="[2-4] == 1",
    crowd=PROCESSES,
)
def test_of_four_keys_entered_at_once_one_is_kept(
    alice: Member, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One in each of so many processes; the last one counts."""
    monkeypatch.setattr(of_own, "TESTS_OF_ONE", PROCESSES)
    outcomes = run_together([partial(enter, alice.id, f"{OWN}-{number}") for number in range(PROCESSES)])

    assert outcomes.errors == []
    assert OwnKey.objects.count() == 1
