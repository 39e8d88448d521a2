"""One person, several accounts in turn: who comes back is recognised, for the promised time and under any secret."""

import hashlib
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.checks import Tags, run_checks
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from apps.accounts import services
from apps.accounts.contracts import ListKind, ListScope, Member
from apps.accounts.errors import MemberBlocked, OperatorOutOfReach
from apps.accounts.models import ListEntry, Person, User
from apps.kernel import clock
from apps.kernel.errors import RateLimited
from apps.kernel.models import AuditEntry
from tests.cast import browser_of, member

ANOTHER = "another secret that nobody guesses, fifty or more of it"


def close(person: Member) -> None:
    services.close_account(user_id=person.id, confirm=person.nickname, now=clock.now())


def person_of(account: Member) -> Any:
    return services.person_of(user_id=account.id)


def fingerprint(secret: str) -> str:
    return hashlib.sha256(b"person key\n" + secret.encode()).hexdigest()[:12]


def test_who_comes_back_is_the_same_person_with_another_account(alice: Member, bob: Member) -> None:
    close(alice)
    returned = member("alice")

    assert returned.id != alice.id
    assert person_of(returned) == person_of(alice)
    assert person_of(bob) != person_of(alice)
    assert Person.objects.get(pk=person_of(alice)).left_at is None


def test_who_stays_has_not_left(alice: Member, bob: Member) -> None:
    close(alice)

    assert Person.objects.get(pk=person_of(bob)).left_at is None


def test_the_openid_itself_is_kept_nowhere(alice: Member) -> None:
    close(alice)

    person = Person.objects.get(pk=person_of(alice))
    assert person.left_at is not None
    assert person.key_hash is not None
    assert "Alice" not in person.key_hash
    assert len(person.key_hash) == 64


def test_two_open_accounts_of_one_person_are_impossible(alice: Member, bob: Member) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=bob.id).update(person_id=person_of(alice))


def test_nobody_is_recognised_after_the_promised_days(alice: Member, settings: Any) -> None:
    close(alice)
    kept = timedelta(days=settings.PERSON_KEY_KEPT_DAYS)

    assert services.forget_old_persons(now=clock.now() + kept - timedelta(minutes=1)) == 0
    assert services.forget_old_persons(now=clock.now() + kept + timedelta(minutes=1)) == 1
    assert person_of(member("alice")) != person_of(alice)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_page_says_how_long_somebody_is_recognised(alice: Member, settings: Any, language: str) -> None:
    settings.PERSON_KEY_KEPT_DAYS = 123
    page = browser_of(alice.id).get("/account/data/", headers={"Accept-Language": language}).content.decode()
    promise = {"zh-hans": "保留 123 天后删除", "en": "Kept for 123 days, then erased"}[language]
    close(alice)

    assert promise in page
    assert services.forget_old_persons(now=clock.now() + timedelta(days=122)) == 0
    assert services.forget_old_persons(now=clock.now() + timedelta(days=124)) == 1


def test_who_is_here_is_never_forgotten(alice: Member) -> None:
    close(alice)
    returned = member("alice")

    assert services.forget_old_persons(now=clock.now() + timedelta(days=10_000)) == 0
    assert Person.objects.get(pk=person_of(returned)).key_hash


def test_a_secret_is_changed_and_everybody_is_still_recognised(alice: Member, bob: Member, settings: Any) -> None:
    close(alice)
    former, settings.PERSON_KEY_FORMER, settings.PERSON_KEY = settings.PERSON_KEY, [settings.PERSON_KEY], ANOTHER

    assert person_of(member("alice")) == person_of(alice)
    keys = [(use.key_id, use.standing, use.persons) for use in services.person_keys()]
    assert keys == [(fingerprint(ANOTHER), "present", 1), (fingerprint(former), "former", 1)]
    member("bob")
    assert [use.persons for use in services.person_keys()] == [2, 0]


def test_the_command_says_which_former_secret_may_go(alice: Member, settings: Any) -> None:
    former, settings.PERSON_KEY_FORMER, settings.PERSON_KEY = settings.PERSON_KEY, [settings.PERSON_KEY], ANOTHER

    assert f"{fingerprint(former)} former         1 persons  still needed" in said("person_keys")
    member("alice")
    assert f"{fingerprint(former)} former         0 persons  may go" in said("person_keys")


def test_a_secret_that_nobody_names_is_named_before_anything_starts(alice: Member, settings: Any) -> None:
    former, settings.PERSON_KEY = fingerprint(settings.PERSON_KEY), ANOTHER

    (problem,) = run_checks(tags=[Tags.database], databases=["default"])
    assert problem.id == "accounts.E001"
    assert former in problem.msg
    with pytest.raises(SystemExit):
        call_command("audit", "--only", "I-59-accounts", stdout=(output := StringIO()))
    assert former in output.getvalue()


def test_a_lost_secret_is_given_up_with_a_reason(alice: Member, settings: Any) -> None:
    former, settings.PERSON_KEY = fingerprint(settings.PERSON_KEY), ANOTHER

    with pytest.raises(CommandError):
        call_command("person_keys", "--forget", former)
    with pytest.raises(CommandError):
        call_command("person_keys", "--forget", fingerprint(ANOTHER), "--reason", "never")
    assert "1 hashes erased" in said("person_keys", "--forget", former, "--reason", "the safe burnt down")
    assert AuditEntry.objects.get(action="accounts.forget_person_key").reason == "the safe burnt down"
    assert run_checks(tags=[Tags.database], databases=["default"]) == []
    member("alice")
    assert Person.objects.get(pk=person_of(alice)).key_id == fingerprint(ANOTHER)


def test_giving_up_one_secret_keeps_whom_the_others_know(alice: Member, settings: Any) -> None:
    former, settings.PERSON_KEY = fingerprint(settings.PERSON_KEY), ANOTHER
    bob = member("bob")

    assert services.forget_person_key(key_id=former, actor="system", reason="lost", now=clock.now()) == 1

    assert Person.objects.get(pk=person_of(bob)).key_id == fingerprint(ANOTHER)
    close(bob)
    assert person_of(member("bob")) == person_of(bob)


def test_who_is_there_twice_is_whom_the_present_secret_knows(alice: Member, settings: Any) -> None:
    close(alice)
    former, settings.PERSON_KEY = settings.PERSON_KEY, ANOTHER
    again = member("alice")  # nobody has named the former secret yet
    close(again)
    settings.PERSON_KEY_FORMER = [former]

    assert person_of(member("alice")) == person_of(again) != person_of(alice)


def test_a_black_list_reaches_the_next_account(alice: Member) -> None:
    close(alice)
    services.list_member(
        user_id=alice.id, kind=ListKind.BLACK, scope=ListScope.DRAW, actor="system", reason="bots", now=clock.now()
    )
    returned = member("alice")

    with pytest.raises(MemberBlocked):
        services.hold_active(user_id=returned.id, scope=ListScope.DRAW, now=clock.now())
    services.unlist_member(
        user_id=returned.id, kind=ListKind.BLACK, scope=ListScope.DRAW, actor="system", reason="sorry", now=clock.now()
    )
    assert services.hold_active(user_id=returned.id, scope=ListScope.DRAW, now=clock.now()) == person_of(alice)


@pytest.mark.parametrize("account", ["former", "present"])
def test_no_list_reaches_an_operator_through_a_former_account(alice: Member, account: str) -> None:
    close(alice)
    returned = member("alice")
    User.objects.filter(pk=returned.id).update(is_staff=True, username="al")
    named = {"former": alice, "present": returned}[account]

    with pytest.raises(OperatorOutOfReach):
        services.list_member(
            user_id=named.id,
            kind=ListKind.BLACK,
            scope=ListScope.LOGIN,
            actor="staff:none",
            reason="x",
            now=clock.now(),
        )

    assert not ListEntry.objects.exists()


def test_a_limit_is_not_reset_by_leaving(alice: Member) -> None:
    def order(account: Member) -> None:
        services.limit_member(
            user_id=account.id,
            scope=ListScope.PAY,
            act="orders.place",
            limit=1,
            window=timedelta(days=1),
            now=clock.now(),
        )

    order(alice)
    close(alice)
    with pytest.raises(RateLimited):
        order(member("alice"))


def test_an_operator_is_a_person_without_a_hash(olga: Member) -> None:
    assert Person.objects.get(pk=person_of(olga)).key_hash is None


def said(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()
