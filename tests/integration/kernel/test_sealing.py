"""What is sealed or hashed comes through a change of keys, and what the first release sealed comes through too."""

from io import StringIO
from typing import Any

import pytest
from django.core.checks import Tags, run_checks
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django.fixtures import Settings

from apps.accounts.contracts import Member
from apps.accounts.models import MemberSession, SecondFactor
from apps.chat.models import ChannelKey
from apps.kernel import clock, sealing
from tests.integration.kernel.sealed_rows import SECRETS, keep_as_before, keep_session, seal_of_channels

pytestmark = pytest.mark.django_db

ANOTHER = "another secret that nobody guesses, fifty or more of it"
THIRD = "a third secret that nobody guesses, fifty or more of it too"
DONE = "no sealed value needs a former key"


def opened() -> dict[str, str | None]:
    """What the one row of each sealed column says."""
    found = {}
    for field in sealing.sealed_columns():
        for sealed in field.model._base_manager.exclude(**{field.attname: ""}).values_list(field.attname, flat=True):
            found[str(field)] = sealing.unseal(field.purpose, sealed)
    return found


def reseal() -> list[str]:
    output = StringIO()
    call_command("reseal", stdout=output)
    return output.getvalue().splitlines()


def change_key(settings: Settings, anew: str) -> None:
    settings.SEALING_KEY_FORMER, settings.SEALING_KEY = [settings.SEALING_KEY], anew


def test_what_the_first_release_sealed_opens_is_resealed_and_needs_secret_key_no_more(
    olga: Member, settings: Settings
) -> None:
    keep_as_before(olga)
    assert opened() == SECRETS

    assert {f"{column}: 1 resealed, 0 left" for column in SECRETS} < set(said := reseal())
    assert said[-1] == DONE

    settings.SECRET_KEY = "a new secret key " * 4
    assert opened() == SECRETS


def test_without_resealing_a_new_secret_key_loses_them(olga: Member, settings: Settings) -> None:
    keep_as_before(olga)
    settings.SECRET_KEY = "a new secret key " * 4

    assert opened() == dict.fromkeys(SECRETS)
    with pytest.raises(CommandError, match="^4 values are left that no key of the settings opens$"):
        reseal()


def test_a_sealing_key_is_changed_and_the_former_one_goes(olga: Member, settings: Settings) -> None:
    keep_as_before(olga)
    reseal()
    change_key(settings, ANOTHER)
    assert opened() == SECRETS

    assert reseal()[-1] == DONE

    settings.SEALING_KEY_FORMER = []
    assert opened() == SECRETS


def test_what_an_earlier_reseal_left_of_a_value_its_hash_is_made_again(olga: Member) -> None:
    keep_as_before(olga)
    key = SECRETS["accounts.MemberSession.key_sealed"]
    MemberSession.objects.update(key_sealed=sealing.seal("session", key))
    assert sealing.keyed_hash("session", key) != MemberSession.objects.get().key_hash

    assert "accounts.MemberSession.key_sealed: 1 resealed, 0 left" in (said := reseal())
    assert "accounts.MemberSession.key_hash: 0 known by another key" in said

    row = MemberSession.objects.get()
    assert row.key_hash == sealing.keyed_hash("session", key)
    assert sealing.unseal("session", row.key_sealed) == key
    assert "accounts.MemberSession.key_sealed: 0 resealed, 0 left" in reseal()


def test_resealing_twice_changes_nothing(olga: Member) -> None:
    keep_as_before(olga)
    reseal()
    before = ChannelKey.objects.get().api_key_sealed

    assert {f"{column}: 0 resealed, 0 left" for column in SECRETS} < set(reseal())
    assert ChannelKey.objects.get().api_key_sealed == before


def test_what_nobody_can_open_is_counted_and_stands_in_nobody_s_way(olga: Member, settings: Settings) -> None:
    keep_as_before(olga)
    sealed = ChannelKey.objects.get().api_key_sealed
    ChannelKey.objects.update(api_key_sealed=sealed[:-8] + "AAAAAAA=")
    output = StringIO()

    with pytest.raises(CommandError, match="^1 values are left"):
        call_command("reseal", stdout=output)

    assert "chat.ChannelKey.api_key_sealed: 0 resealed, 1 left" in output.getvalue()
    assert "accounts.SecondFactor.secret_sealed: 1 resealed, 0 left" in output.getvalue()


def test_it_goes_by_batches_and_goes_on_where_it_was_stopped(olga: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_BATCH", 2)
    for number in range(5):
        keep_session(olga.id, f"key {number}")
    updates = 0

    def stop_at_the_fourth(execute: Any, sql: str, *rest: Any) -> Any:
        nonlocal updates
        updates += sql.startswith("UPDATE")
        if updates == 4 and sql.startswith("UPDATE"):
            raise KeyboardInterrupt
        return execute(sql, *rest)

    with connection.execute_wrapper(stop_at_the_fourth), pytest.raises(KeyboardInterrupt):
        reseal()
    # The batch that was under way is undone, the one before it stays.
    assert MemberSession.objects.filter(key_sealed__contains=".").count() == 2

    assert "accounts.MemberSession.key_sealed: 3 resealed, 0 left" in reseal()


def test_a_value_that_changes_meanwhile_is_not_overwritten(olga: Member) -> None:
    keep_as_before(olga)
    newer = seal_of_channels("sk-newer")

    def change_first(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("UPDATE") and "chat_channel" in sql:
            with connection.cursor() as cursor:
                cursor.cursor.execute(f"UPDATE chat_channelkey SET api_key_sealed = '{newer}'")  # noqa: S608
        return execute(sql, *rest)

    output = StringIO()
    with connection.execute_wrapper(change_first), pytest.raises(CommandError):
        call_command("reseal", stdout=output)

    assert "chat.ChannelKey.api_key_sealed: 0 resealed, 1 left" in output.getvalue()
    assert opened()["chat.ChannelKey.api_key_sealed"] == "sk-newer"
    assert reseal()[-1] == DONE


def test_the_command_says_which_hashes_only_a_former_key_knows(olga: Member, settings: Settings) -> None:
    keep_as_before(olga)
    said = reseal()

    assert "accounts.BackupCode.code_hash: 1 known by another key" in said
    assert "accounts.LoginCode.code_hash: 0 known by another key" in said
    MemberSession.objects.update(revoked_at=clock.now())
    assert "accounts.MemberSession.key_hash: 0 known by another key" in reseal()


def test_a_key_that_nobody_names_is_named_before_anything_starts(olga: Member, settings: Settings) -> None:
    keep_as_before(olga)
    reseal()
    lost = ChannelKey.objects.get().api_key_sealed.partition(".")[0]
    settings.SEALING_KEY = ANOTHER

    problems = run_checks(tags=[Tags.database], databases=["default"])

    assert {problem.id for problem in problems} == {"kernel.E004"}
    assert len(problems) == len(SECRETS)
    assert all(lost in problem.msg for problem in problems)


def test_an_authenticator_that_no_key_opens_is_a_breach(olga: Member, settings: Settings) -> None:
    keep_as_before(olga)
    reseal()
    settings.SEALING_KEY = ANOTHER

    with pytest.raises(SystemExit):
        call_command("audit", "--only", "I-59-factors", stdout=(output := StringIO()))

    assert "a second factor that no key opens" in output.getvalue()


def test_each_purpose_has_a_key_of_its_own() -> None:
    sealed = sealing.seal("session", "a text")

    assert sealing.unseal("reply", sealed) is None
    assert sealing.keyed_hash("session", "a text") != sealing.keyed_hash("reply", "a text")


def test_a_purpose_without_a_column_is_a_mistake() -> None:
    with pytest.raises(LookupError):
        sealing.seal("sesion", "a text")


def test_a_hash_is_looked_for_under_every_key(settings: Settings) -> None:
    first = sealing.keyed_hash("code", "ABC")
    change_key(settings, ANOTHER)
    second = sealing.keyed_hash("code", "ABC")
    settings.SEALING_KEY_FORMER, settings.SEALING_KEY = [ANOTHER, *settings.SEALING_KEY_FORMER], THIRD

    third, *former = sealing.keyed_hashes("code", "ABC")
    assert third == sealing.keyed_hash("code", "ABC")
    assert former[:2] == [second, first]
    assert {len(made) for made in (third, *former)} == {64}


def test_an_authenticator_s_secret_is_resealed_and_nothing_else_of_it(olga: Member) -> None:
    keep_as_before(olga)
    before: dict[str, Any] = {**SecondFactor.objects.values().get()}

    reseal()

    after = SecondFactor.objects.values().get()
    assert {name for name, value in after.items() if value != before[name]} == {"secret_sealed"}
