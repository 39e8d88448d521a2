"""What a forger does to the tables that say who may come in and what they may do."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pyotp
from django.contrib.auth.models import Group, Permission
from django.db.models import Model

from apps.accounts import services as accounts
from apps.accounts.contracts import ListKind, ListScope, Member
from apps.accounts.models import (
    ApiKey,
    BackupCode,
    CallbackMessage,
    ListEntry,
    LoginAttempt,
    LoginCode,
    Person,
    SecondFactor,
    UsedSignature,
    User,
    WeChatIdentity,
)
from apps.kernel import clock, sealing
from tests.cast import member, operator


def rule(alice: Member, bob: Member) -> None:
    """Olga adds a second factor, makes Emma an editor, puts Alice and Bob on lists, and freezes Dora; Erin leaves."""
    now = clock.now()
    olga = operator()
    secret = accounts.begin_enrolment(user_id=olga.id, now=now).secret
    accounts.finish_enrolment(user_id=olga.id, code=pyotp.TOTP(secret).at(now), now=now)
    emma = accounts.create_operator(username="emma", password="a long demo password", roles=("support",), now=now)
    by: dict[str, Any] = {"actor": f"staff:{olga.id}", "reason": "a test", "now": now}
    accounts.set_roles(user_id=emma.id, roles=("editor",), **by)
    for somebody, kind in ((alice, ListKind.WHITE), (bob, ListKind.BLACK)):
        accounts.list_member(
            user_id=somebody.id, kind=kind, scope=ListScope.PAY, expires_at=now + timedelta(days=1), **by
        )
        accounts.list_member(user_id=somebody.id, kind=kind, scope=ListScope.PAY, **by)
    accounts.unlist_member(user_id=alice.id, kind=ListKind.WHITE, scope=ListScope.PAY, **by)
    accounts.freeze(user_id=member("dora").id, **by)
    erin = member("erin")
    accounts.close_account(user_id=erin.id, confirm=erin.nickname, now=now)


def _user(nickname: str) -> Any:
    return User.objects.filter(nickname=nickname)


def _role(name: str) -> Group:
    return Group.objects.get(name=name)


def _may(codename: str) -> Permission:
    return Permission.objects.get(codename=codename)


def _changed(rows: Any, **changes: Any) -> None:
    assert rows.update(**changes)


def _copied(row: Model, **changes: Any) -> None:
    row.pk = uuid4()
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(force_insert=True)


def _black() -> Any:
    return ListEntry.objects.filter(kind="black", ended_at=None)


def _rewritten(row: Model, **changes: Any) -> None:
    """The same row, written again with another value: nothing guards against that where rows may be deleted."""
    type(row)._base_manager.filter(pk=row.pk)._raw_delete("default")
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(force_insert=True)


def _a_backup_code() -> Any:
    return BackupCode.objects.filter(pk=BackupCode.objects.values("pk")[:1])


def _a_second_factor() -> None:
    now = clock.now()
    SecondFactor.objects.create(user=_user("emma").get(), secret_sealed="", confirmed_at=now, created_at=now)


def _sealed() -> str:
    return sealing.seal("second_factor", "JBSWY3DPEHPK3PXP")


def _revived(rows: Any, ended: str) -> None:
    """What ended before is made to last."""
    _changed(rows, **{ended: clock.now()})
    _changed(rows, **{ended: None})


def _twice(model: type[Model], **row: Any) -> None:
    for _ in range(2):
        model._base_manager.create(**row, created_at=clock.now())


def _a_code_of_two() -> None:
    now = clock.now()
    for identity in WeChatIdentity.objects.all()[:2]:
        LoginCode.objects.create(identity=identity, code_hash="0" * 64, expires_at=now, created_at=now)


def _an_attempt_of_nobody() -> None:
    now = clock.now()
    LoginAttempt.objects.create(
        browser_hash="0" * 64,
        scene_hash="0" * 64,
        state="confirmed",
        identity=WeChatIdentity.objects.all()[0],
        max_tries=5,
        expires_at=now,
        created_at=now,
    )


# What, how, and the number that names it.
NAMED: list[tuple[str, Callable[[], Any], str]] = [
    ("a member frozen by nobody", lambda: _changed(_user("Alice"), status="frozen"), "I-59-status"),
    ("a member unfrozen by nobody", lambda: _changed(_user("Dora"), status="active"), "I-59-status"),
    (
        "a closed account that is open",
        lambda: _changed(User.objects.filter(status="closed"), status="active"),
        "I-59-status",
    ),
    ("an operator made by nobody", lambda: _changed(_user("Alice"), is_staff=True, username="alice"), "I-59-operators"),
    ("a member who may do everything", lambda: _changed(_user("Alice"), is_superuser=True), "I-59-operators"),
    ("an operator who may do everything", lambda: _changed(_user("emma"), is_superuser=True), "I-59-operators"),
    ("an operator who is none any more", lambda: _changed(_user("olga"), is_staff=False), "I-59-operators"),
    ("a role that nobody gave", lambda: _user("emma").get().groups.add(_role("finance")), "I-59-operators"),
    ("a role of a member", lambda: _user("Alice").get().groups.add(_role("finance")), "I-59-operators"),
    (
        "a right without a role",
        lambda: _user("emma").get().user_permissions.add(_may("deliver_order")),
        "I-59-operators",
    ),
    ("a role that may more", lambda: _role("editor").permissions.add(_may("deliver_order")), "I-59-roles"),
    ("a role that may less", lambda: _role("auditor").permissions.set([]), "I-59-roles"),
    ("a second factor that nobody added", _a_second_factor, "I-59-factors"),
    ("a lost second factor", lambda: SecondFactor.objects.all().delete(), "I-59-factors"),
    (
        "another authenticator, under the forger's own key",
        lambda: _changed(SecondFactor.objects.all(), secret_sealed="0" * 12 + ".x"),
        "I-59-factors",
    ),
    ("another backup code", lambda: _copied(BackupCode.objects.all()[0], code_hash="0" * 64), "I-59-factors"),
    ("a lost entry of the black list", lambda: _black().delete(), "I-59-lists"),
    (
        "an entry written again about somebody else",
        lambda: _rewritten(_black().get(), person=_user("Dora").get().person),
        "I-59-lists",
    ),
    ("an entry that nobody ended", lambda: _changed(_black(), ended_at=clock.now()), "I-59-lists"),
    ("an entry that nobody wrote", lambda: _copied(_black().get(), kind="white"), "I-59-lists"),
    (
        "a person of no known secret",
        lambda: _changed(Person.objects.exclude(key_id=""), key_id="other"),
        "I-59-accounts",
    ),
    (
        "a person who left and is here",
        lambda: _changed(Person.objects.exclude(key_id=""), left_at=clock.now()),
        "I-59-kept",
    ),
]


# What the database refuses.
REFUSED: list[tuple[str, Callable[[], Any]]] = [
    ("somebody else's key", lambda: _changed(ApiKey.objects.all(), user=_user("Bob").get())),
    ("a key for more", lambda: _changed(ApiKey.objects.all(), scopes=["chat", "account"])),
    ("a key that may spend more", lambda: _changed(ApiKey.objects.all(), spend_cap_milli=10**9)),
    ("a key of another secret", lambda: _changed(ApiKey.objects.all(), key_hash="0" * 64)),
    ("a key that was revoked", lambda: _revived(ApiKey.objects.all(), "revoked_at")),
    ("another authenticator", lambda: _changed(SecondFactor.objects.all(), secret_sealed="x")),
    ("another authenticator under the same key", lambda: _changed(SecondFactor.objects.all(), secret_sealed=_sealed())),
    ("a backup code for the second time", lambda: _revived(BackupCode.objects.all(), "used_at")),
    ("another backup code in place of one", lambda: _changed(_a_backup_code(), code_hash="0" * 64)),
    ("a signature for the second time", lambda: _twice(UsedSignature, signature_hash="0" * 64, use_hash="1" * 64)),
    ("a message for the second time", lambda: _twice(CallbackMessage, dedupe_key="0" * 64)),
    ("a sign-in code of two people", _a_code_of_two),
    ("a sign-in that nobody confirmed", _an_attempt_of_nobody),
    ("a second account of a person", lambda: _changed(_user("Bob"), person=_user("Alice").get().person)),
    ("a second person of one hash", lambda: _twice(Person, key_hash="0" * 64, key_id="x")),
]
