"""What a forger does to accounts once their triggers are gone, and the columns that may hold anything."""

from datetime import timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from apps.accounts import services as accounts
from apps.accounts.models import (
    CallbackMessage,
    ListEntry,
    LoginAttempt,
    LoginCode,
    LoginEvent,
    MemberSession,
    Person,
    ReplyText,
    UsedSignature,
    User,
    WeChatIdentity,
)
from apps.kernel import clock
from apps.kernel.sealing import keyed_hash
from tests.integration.ops.forgeries_orders import Forgery, forced
from tests.rows import unguard_all


def sign_in() -> None:
    """Alice is signed in in one browser, by a code; Bob asks for one. A reply is worded anew."""
    now, alice, bob = clock.now(), _user("Alice"), _user("Bob")
    identity = WeChatIdentity.objects.get(user=alice)
    attempt = LoginAttempt.objects.create(
        browser_hash="0" * 64,
        scene_hash="0" * 64,
        state="confirmed",
        identity=identity,
        user=alice,
        max_tries=5,
        session_at=now,
        expires_at=now + timedelta(minutes=5),
        created_at=now,
    )
    key = _session_of(alice)
    session = {"user": alice, "method": "code", "browser": "Firefox", "network": "127.0.0.1"}
    MemberSession.objects.create(
        **session, attempt_id=attempt.pk, key_hash=keyed_hash("session", key), last_seen_at=now, created_at=now
    )
    LoginEvent.objects.create(**session, outcome="signed_in", created_at=now)
    LoginCode.objects.create(
        identity=WeChatIdentity.objects.get(user=bob), code_hash="1" * 64, expires_at=now, created_at=now
    )
    accounts.save_reply_text(key="help", text="Ask!", actor="staff:1", reason="a test", now=now)
    UsedSignature.objects.create(signature_hash="2" * 64, use_hash="3" * 64, created_at=now)
    CallbackMessage.objects.create(dedupe_key="4" * 64, created_at=now)


def _user(nickname: str) -> User:
    return User.objects.get(nickname=nickname)


def _session_of(user: User) -> str:
    """The key of a session of Django's that speaks for this account."""
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY], store[BACKEND_SESSION_KEY] = str(user.pk), "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    return str(store.session_key)


def _black() -> Any:
    return ListEntry.objects.filter(kind="black", ended_at=None)


def _person(nickname: str) -> Any:
    return Person.objects.filter(pk=_user(nickname).person_id)


def _another_identity() -> None:
    """Bob's WeChat signs in as Alice, whose own is gone."""
    WeChatIdentity.objects.filter(user=_user("Alice")).delete()
    forced(WeChatIdentity.objects.filter(user=_user("Bob")), user=_user("Alice"))


def _operator_of_wechat() -> None:
    """Bob is nobody whom anybody knows, and the operator is Bob: two rows, each with the other's person."""
    bob, olga = _user("Bob"), _user("olga")
    unguard_all("accounts_user")
    someone = Person.objects.create(created_at=clock.now())
    for user, person in ((bob, someone.pk), (olga, bob.person_id), (bob, olga.person_id)):
        User.objects.filter(pk=user.pk).update(person_id=person)


# What, how, and the number that names it.
NAMED: list[Forgery] = [
    ("an account of another WeChat", _another_identity, "I-59-known"),
    ("a person of another WeChat", lambda: forced(_person("Alice"), key_hash="0" * 64), "I-59-known"),
    (
        "an account of somebody new",
        lambda: forced(User.objects.filter(nickname="Alice"), person=Person.objects.create(created_at=clock.now())),
        "I-59",
    ),
    (
        "a WeChat of an operator",
        lambda: forced(WeChatIdentity.objects.filter(user=_user("Bob")), user=_user("olga")),
        "I-59-operators",
    ),
    (
        "a member with a user name",
        lambda: forced(User.objects.filter(nickname="Bob"), username="bob"),
        "I-59-operators",
    ),
    (
        "an operator of another name",
        lambda: forced(User.objects.filter(username="olga"), username="root"),
        "I-59-operators",
    ),
    ("an entry that ends sooner", lambda: forced(_black(), expires_at=clock.now()), "I-59-lists"),
    ("an operator whom WeChat knows", _operator_of_wechat, "I-59-operators"),
    ("an entry about somebody else", lambda: forced(_black(), person=_user("Alice").person_id), "I-59-lists"),
    ("an entry that counts again", lambda: forced(ListEntry.objects.filter(kind="white"), scope="all"), "I-59-lists"),
    ("a person who never left", lambda: forced(Person.objects.exclude(left_at=None), left_at=None), "I-59-kept"),
    ("an attempt of somebody else", lambda: forced(LoginAttempt.objects.all(), user=_user("Bob")), "I-59-attempts"),
    ("a session of somebody else", lambda: forced(MemberSession.objects.all(), user=_user("Bob")), "I-59-attempts"),
    (
        "a session as somebody else",
        lambda: forced(MemberSession.objects.all(), user=_user("Bob"), attempt_id=None),
        "I-59-sessions",
    ),
    ("a word of nobody's", lambda: forced(ReplyText.objects.all(), text="{code}!"), "I-62"),
    ("a reply that nobody reset", lambda: ReplyText.objects.all().delete(), "I-62"),
    ("a session that nobody began", lambda: _session_of(_user("Bob")), "I-59-sessions"),
]

# Columns, and tables as a whole, that may hold anything, and why.
EXPLAINED: dict[str, str] = {
    "accounts.ReplyText.created_at": "shown",
    "accounts.ReplyText.id": "a reply goes by its key, and so does the trail",
    "accounts.Person.left_at": "how long somebody who left is recognised; not beyond the promised days (I-59-kept)",
    "accounts.User.nickname": "its owner's to change",
    "accounts.User.avatar": "its owner's to change",
    "accounts.User.language": "its owner's to change",
    "accounts.User.last_login": "shown",
    "accounts.User.password": "is nowhere else than in its row (docs/algorithms/audit.md)",
    "accounts.WeChatIdentity.is_following": "WeChat's own word, told again with the next event",
    "accounts.WeChatIdentity.follow_changed_at": "WeChat's own time of that word",
    "accounts.MemberSession.key_sealed": "finds the browser's session in order to end it; encrypted with our key",
    "accounts.MemberSession.last_seen_at": "shown",
    "accounts.ApiKey.last_used_at": "shown",
    "accounts.ApiKey.revoked_at": "takes a key away, and never gives it back",
    "accounts.SecondFactor.last_step": "a code of the last minute counts again: who sends it still has to know it",
    "accounts.BackupCode.used_at": "takes a code away, and never gives it back",
    "accounts.LoginCode.code_hash": "asking again replaces a code (docs/algorithms/audit.md)",
    "accounts.LoginCode.created_at": "asking again replaces a code",
    "accounts.LoginCode.expires_at": "asking again replaces a code",
    "accounts.LoginCode.used_at": "asking again replaces a code",
    "accounts.LoginAttempt.tries": "a count against guessing, beside those of the network and of everybody",
    "accounts.LoginAttempt.session_at": "the browser that holds the attempt's secret may collect again",
    "accounts.LoginAttempt.ticket_hash": "names the attempt to WeChat and signs nobody in",
    "accounts.UsedSignature.signature_hash": "hashed again under the present key; too old a signature is worth nothing",
    "accounts.CallbackMessage.dedupe_key": "hashed again under the present key; a repeat is answered once more",
    "accounts.CallbackMessage.reply_sealed": "the answer to a repeated message; encrypted with our key",
}
