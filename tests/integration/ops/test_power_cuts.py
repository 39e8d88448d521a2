"""Work that goes row by row, cut off in the middle: what was done is whole, what was under way is undone."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import call_command

from apps.accounts import services as accounts
from apps.accounts.contracts import Member, SignInMethod
from apps.accounts.models import MemberSession
from apps.kernel import clock, sealing
from apps.kernel.ids import UserId, new_id
from apps.ledger import services as ledger
from tests.integration.ledger.bank import NOON, breaches, issue, left, money
from tests.power_cut import run_until_killed

pytestmark = pytest.mark.django_db(transaction=True)

END = NOON + timedelta(minutes=1)


def test_an_expiry_that_is_cut_off_is_whole_or_has_not_begun(tmp_path: Path) -> None:
    owners = [ledger.user_account(UserId(new_id()), "points") for _ in range(3)]
    grants = {owner: [issue(owner, 4, ends_at=END), issue(owner, 3, ends_at=END), issue(owner, 2)] for owner in owners}
    now = f"datetime.fromisoformat({END.isoformat()!r})"
    work = f"from datetime import datetime; from apps.ledger.services import expire_lots; expire_lots(now={now})"

    # The lots of the second account have been lowered, its balance has not.
    run_until_killed(work, after='INSERT INTO "ledger_allocation"', times=2, var=tmp_path)

    assert sorted(left(*lots) for lots in grants.values()) == [[0, 0, 2], [4, 3, 2], [4, 3, 2]]
    assert sorted(money(owner) for owner in owners) == [(2, 0), (9, 0), (9, 0)]
    assert breaches(END) == []

    assert ledger.expire_lots(now=END) == 2
    assert [left(*lots) for lots in grants.values()] == [[0, 0, 2]] * 3
    assert breaches(END) == []


def test_a_resealing_that_is_cut_off_goes_on_where_it_was(
    alice: Member, settings: LazySettings, tmp_path: Path
) -> None:
    keys = {
        accounts.start_session(
            user_id=alice.id,
            method=SignInMethod.CODE,
            old_key=None,
            address="127.0.0.1",
            user_agent="",
            now=clock.now(),
        ).key
        for _ in range(5)
    }
    former, present = settings.SEALING_KEY, "another secret that nobody guesses and fifty or more of it"
    work = (
        "from django.core.management import call_command; from apps.kernel import sealing;"
        "sealing._BATCH = 2; call_command('reseal')"
    )

    run_until_killed(
        work,
        after='UPDATE "accounts_membersession"',
        times=3,
        var=tmp_path,
        SEALING_KEY=present,
        SEALING_KEY_FORMER=former,
    )

    settings.SEALING_KEY, settings.SEALING_KEY_FORMER = present, [former]
    assert len(under(present_id := sealing.keyed_hash("session", "")[:12])) == 2
    assert opened() == keys

    call_command("reseal")
    settings.SEALING_KEY_FORMER = []
    assert len(under(present_id)) == 5
    assert opened() == keys


def under(key_id: str) -> list[MemberSession]:
    """The sessions whose key and hash were both made by the key of this id."""
    return list(MemberSession.objects.filter(key_sealed__startswith=key_id, key_hash__startswith=key_id))


def opened() -> set[str | None]:
    return {sealing.unseal("session", row.key_sealed) for row in MemberSession.objects.all()}
