"""A sealing key that is lost for good: with a reason, what it has sealed is given up, and the site starts again."""

from io import StringIO

import pytest
from django.core.checks import Tags, run_checks
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from apps.accounts.contracts import Member
from apps.accounts.models import BackupCode, CallbackMessage, MemberSession, SecondFactor
from apps.chat import services as chat
from apps.chat.models import ChannelKey, OwnKey
from apps.kernel import clock, sealing
from apps.kernel.models import AuditEntry
from tests.cast import Phone
from tests.integration.accounts.test_sessions import sign_in
from tests.integration.kernel.sealed_rows import SECRETS, keep_as_before

pytestmark = pytest.mark.django_db

ANOTHER = "another secret that nobody guesses, fifty or more of it"
WHY = ("--reason", "the safe burnt down")


@pytest.fixture
def lost(olga: Member, settings: Settings) -> str:
    """A row of each sealed column, and the id of the key that sealed it, which nobody has any more."""
    keep_as_before(olga)
    keep_own_key(olga)
    list(sealing.reseal())
    settings.SEALING_KEY = ANOTHER
    return ChannelKey.objects.get().api_key_sealed.partition(".")[0]


def keep_own_key(member: Member) -> None:
    """There were none before SEALING_KEY."""
    now = clock.now()
    OwnKey.objects.create(
        user_id=member.id,
        kind="openai",
        api_key_sealed=sealing.seal("own_key", "sk-own"),
        created_at=now,
        updated_at=now,
    )


def said(*arguments: str) -> list[str]:
    call_command("reseal", *arguments, stdout=(output := StringIO()))
    return output.getvalue().splitlines()


def problems() -> set[str | None]:
    return {problem.id for problem in run_checks(tags=[Tags.database], databases=["default"])}


def test_the_site_starts_again_and_the_trail_says_what_was_given_up(lost: str) -> None:
    assert problems() == {"kernel.E004"}

    lines = said("--forget", lost, *WHY)

    assert {f"{column}: 1 given up" for column in SECRETS} < set(lines)
    assert lines[-1] == "no sealed value needs a former key"
    assert problems() == set()
    entry = AuditEntry.objects.get(action="kernel.forget_sealing_key")
    given_up = {**dict.fromkeys(SECRETS, 1), "chat.OwnKey.api_key_sealed": 1, "kernel.AuditHead.mac": 0}
    assert (entry.target_id, entry.reason, entry.after) == (lost, WHY[1], given_up)


def test_what_it_sealed_is_gone_and_the_books_agree(lost: str) -> None:
    said("--forget", lost, *WHY)

    assert not SecondFactor.objects.exists()
    assert not OwnKey.objects.exists()
    assert not BackupCode.objects.exists()
    assert not MemberSession.objects.filter(revoked_at=None).exists()
    assert {ChannelKey.objects.get().api_key_sealed, CallbackMessage.objects.get().reply_sealed} == {""}
    call_command("audit", "--only", "I-59-factors", stdout=StringIO())


def test_a_channel_is_given_its_key_again(lost: str) -> None:
    said("--forget", lost, *WHY)

    chat.save_channel(code="old", base_url="https://example.com/v1", api_key="sk-new", now=clock.now())

    assert sealing.unseal("channel_key", ChannelKey.objects.get().api_key_sealed) == "sk-new"


def test_whose_session_it_sealed_is_signed_out(phone: Phone, settings: Settings) -> None:
    before = sign_in(phone)
    lost = MemberSession.objects.get().key_sealed.partition(".")[0]
    settings.SEALING_KEY = ANOTHER
    since = sign_in(phone)

    said("--forget", lost, *WHY)

    assert (before.get("/api/v1/me").status_code, since.get("/api/v1/me").status_code) == (401, 200)


@pytest.mark.parametrize("reason", [(), ("--reason", " ")])
def test_nothing_is_given_up_without_a_reason(lost: str, reason: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=r"^Please give a reason\.$"):
        said("--forget", lost, *reason)

    assert problems() == {"kernel.E004"}


def test_a_key_that_the_settings_name_is_not_lost(lost: str, settings: Settings) -> None:
    settings.SEALING_KEY_FORMER = [settings.SEALING_KEY]
    settings.SEALING_KEY = "a third secret that nobody guesses, fifty or more of it too"
    present, former, *_ = (made[: len(lost)] for made in sealing.keyed_hashes("session", "x"))

    for named in (present, former):
        with pytest.raises(CommandError, match="^The settings name this SEALING_KEY"):
            said("--forget", named, *WHY)

    assert SecondFactor.objects.exists()


def test_what_other_keys_sealed_stays(lost: str) -> None:
    chat.save_channel(code="new", base_url="https://example.com/v1", api_key="sk-new", now=clock.now())

    said("--forget", lost, *WHY)

    kept = ChannelKey.objects.get(channel__code="new").api_key_sealed
    assert sealing.unseal("channel_key", kept) == "sk-new"
