"""The sessions of browsers in which people are signed in: begun in one place, listed, and ended at once."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet

from apps.accounts import rules, selectors
from apps.accounts.contracts import (
    ListScope,
    LoginOutcome,
    LoginRecord,
    MemberStatus,
    SessionDetail,
    SignInMethod,
    StartedSession,
)
from apps.accounts.errors import MemberBlocked, MemberClosed, MemberFrozen, SessionNotFound
from apps.accounts.models import LoginEvent, MemberSession, User
from apps.accounts.services.operators_reach import require_reach_or_self
from apps.kernel import audit
from apps.kernel.db import CompiledRead, Given
from apps.kernel.ids import UserId
from apps.kernel.paging import Page, page_of
from apps.kernel.sealing import keyed_hash, keyed_hashes, seal, unseal

_LONGEST_LABEL = 60
# The only one that we have: whoever signs in has been recognised before the session begins.
_BACKEND = "django.contrib.auth.backends.ModelBackend"
_LIVE = CompiledRead(lambda: Session.objects.filter(session_key=Given("session_key"), expire_date__gt=Given("now")))


class SessionStore(DatabaseStore):
    """Django's session in the database, with our lifetime. What it holds is signed under the name of its class."""

    def get_session_cookie_age(self) -> int:
        """Seconds. Django asks this for every end of a session: the cookie's, and the row's."""
        return int(rules.SESSION_LIFETIME.total_seconds())


def live_session(*, session_key: str | None, now: datetime) -> Session | None:
    """What a browser's session holds, None if it has run out or never was; every request of a browser asks."""
    return _LIVE.one(session_key=session_key, now=now)


def start_session(
    *,
    user_id: UserId,
    method: SignInMethod,
    old_key: str | None,
    address: str,
    user_agent: str,
    now: datetime,
    attempt_id: UUID | None = None,
) -> StartedSession:
    """Make a session in which this member is signed in; the browser takes its key with the next answer.

    The session that the browser had under `old_key` ends (no fixation), unless it is refused.
    Raises MemberClosed, MemberFrozen for a frozen operator, MemberBlocked for who may not sign in, MemberNotFound.
    """
    device = _device(address, user_agent)
    with transaction.atomic():
        # Held, so that nobody closes or black-lists the account between this look and the session.
        user = selectors.lock_user_with_person(user_id)
        if user.status == MemberStatus.CLOSED:
            raise MemberClosed()
        if not user.is_active:
            raise MemberFrozen()
        is_blocked = selectors.blocking(user.person_id, scope=ListScope.LOGIN, now=now).exists()
        if is_blocked:
            _record_login(user_id, method, LoginOutcome.BLOCKED, device, now)
        else:
            _end(_of_key(old_key), now=now)
            session = _new_session(user, now)
            MemberSession.objects.create(
                user=user,
                attempt_id=attempt_id,
                key_hash=keyed_hash("session", session.key),
                key_sealed=seal("session", session.key),
                method=method,
                last_seen_at=now,
                created_at=now,
                **device,
            )
            _record_login(user_id, method, LoginOutcome.SIGNED_IN, device, now)
    if is_blocked:
        raise MemberBlocked()
    return session


def follow_session(*, old_key: str, new_key: str) -> bool:
    """Keep a session in the list under its new key: Django gives it one when the password or SECRET_KEY changes.

    False if the list has none under the old key, or it has been ended: the new one must not be used then.
    """
    anew = {"key_hash": keyed_hash("session", new_key), "key_sealed": seal("session", new_key)}
    return _of_key(old_key).update(**anew) == 1


def end_session(*, session_key: str | None, now: datetime) -> None:
    """Note that a browser signed out, which forgets its session itself; without one there is nothing to do."""
    _of_key(session_key).update(revoked_at=now)


def is_session_of_attempt(*, attempt_id: UUID, session_key: str | None) -> bool:
    """Whether the browser has the session already that this attempt gave it."""
    return _of_key(session_key).filter(attempt_id=attempt_id).exists()


def is_session_of_member(*, user_id: str, session_key: str) -> bool:
    """Whether the session of this key was begun for this account, and has not been ended."""
    return _of_key(session_key).filter(user_id=user_id).exists()


def open_sessions(*, now: datetime) -> Iterator[tuple[Session, str]]:
    """Django's sessions in which somebody is signed in, and the account that each speaks for. Reads them all."""
    for session in Session.objects.filter(expire_date__gt=now).order_by("pk").iterator(chunk_size=2000):
        if user_id := session.get_decoded().get(SESSION_KEY):
            yield session, user_id


def note_session_use(*, session_key: str | None, now: datetime) -> None:
    """Remember that a session was used, and know it by the present key; a write, so not at every request."""
    _of_key(session_key).update(last_seen_at=now, key_hash=keyed_hash("session", session_key or ""))


def record_refused_login(
    *, user_id: UserId, method: SignInMethod, outcome: LoginOutcome, address: str, user_agent: str, now: datetime
) -> None:
    """Add a line to a person's login history: somebody failed to sign in as them."""
    _record_login(user_id, method, outcome, _device(address, user_agent), now)


def sessions_of(*, user_id: UserId, session_key: str | None, now: datetime) -> list[SessionDetail]:
    """The browsers in which a member is signed in, last used first; `session_key` tells which is the asking one."""
    current = keyed_hashes("session", session_key or "")
    alive = selectors.live_sessions(user_id).filter(last_seen_at__gt=now - rules.SESSION_LIFETIME)
    return [
        SessionDetail(
            id=row.pk,
            browser=row.browser,
            network=row.network,
            method=SignInMethod(row.method),
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            is_current=row.key_hash in current,
        )
        for row in alive.order_by("-last_seen_at", "-pk")
    ]


def revoke_session(*, user_id: UserId, session_id: UUID, now: datetime) -> None:
    """End one of a member's sessions; its browser's next request is an anonymous one.

    Raises SessionNotFound.
    """
    if not _end(selectors.live_sessions(user_id).filter(pk=session_id), now=now):
        raise SessionNotFound()


def revoke_other_sessions(*, user_id: UserId, session_key: str | None, now: datetime) -> int:
    """End all sessions of a member but the one with this key; without a key, all. Returns how many."""
    others = selectors.live_sessions(user_id).exclude(key_hash__in=keyed_hashes("session", session_key or ""))
    return _end(others, now=now)


def revoke_session_as_operator(*, session_id: UUID, actor: str, reason: str, now: datetime) -> None:
    """End anybody's session; one that has ended stays as it is. `actor` is "staff:<id>". Raises OperatorOutOfReach."""
    with transaction.atomic():
        row = MemberSession.objects.select_related("user").filter(pk=session_id, revoked_at=None).first()
        if row is not None:
            require_reach_or_self(actor=actor, user=row.user)
        if row is None or not _end(MemberSession.objects.filter(pk=row.pk, revoked_at=None), now=now):
            return
        audit.record(
            actor=actor,
            action="accounts.revoke_session",
            target=("user", str(row.user_id)),
            reason=reason,
            before={"browser": row.browser, "network": row.network},
            now=now,
        )


def logins_of(*, user_id: UserId, cursor: str | None, size: int = 20) -> Page[LoginRecord]:
    """A page of a member's login history, newest first. Raises CursorNotValid."""
    return page_of(selectors.logins_of(user_id), cursor, size).map(_as_record)


def end_lost_sessions(*, rows: QuerySet[Any], now: datetime, **_: Any) -> None:
    """End the sessions that a lost sealing key has sealed (kernel.lost_keys)."""
    _end(rows, now=now)


def forget_old_access(*, now: datetime) -> int:
    """Delete login history older than 180 days and sessions that ended or ran out; returns how many rows."""
    logins, _ = LoginEvent.objects.filter(created_at__lt=now - rules.KEEP_LOGINS).delete()
    sessions, _ = MemberSession.objects.filter(last_seen_at__lt=now - rules.SESSION_LIFETIME).delete()
    SessionStore.clear_expired()
    return logins + sessions


def _new_session(user: User, now: datetime) -> StartedSession:
    """What `django.contrib.auth.login` writes, without a request: Django finds the user by it."""
    content = {
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: _BACKEND,
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }
    session = SessionStore()
    session.update(content)
    session.create()
    user.last_login = now
    user.save(update_fields=["last_login"])
    return StartedSession(key=str(session.session_key), content=content)


def _record_login(
    user_id: UserId, method: SignInMethod, outcome: LoginOutcome, device: dict[str, str], now: datetime
) -> None:
    LoginEvent.objects.create(user_id=user_id, method=method, outcome=outcome, created_at=now, **device)


def _end(rows: QuerySet[MemberSession], *, now: datetime) -> int:
    """End these sessions: Django's rows go, ours say when. Returns how many."""
    ended = 0
    with transaction.atomic():
        unnamed = set()
        for row in rows.filter(revoked_at=None):
            key = unseal("session", row.key_sealed)
            if key is None:
                unnamed.add(row.user_id)
            else:
                SessionStore(key).delete()
            ended += MemberSession.objects.filter(pk=row.pk, revoked_at=None).update(revoked_at=now)
        return ended + (_end_unnamed(unnamed, now=now) if unnamed else 0)


def _end_unnamed(user_ids: Collection[UUID], *, now: datetime) -> int:
    """End every session of these accounts that our rows cannot name any more, because a sealing key is lost.

    They look alike, so that one cannot end without the others. Found by what they say: a walk through all sessions.
    """
    live = MemberSession.objects.filter(user_id__in=user_ids, revoked_at=None)
    unnamed = {row.pk for row in live if unseal("session", row.key_sealed) is None}
    accounts = {str(user_id) for user_id in user_ids}
    for session, user_id in open_sessions(now=now):
        if user_id in accounts:
            known = _of_key(session.session_key).filter(user_id=user_id).first()
            if known is None:
                session.delete()
            else:
                unnamed.discard(known.pk)
    return live.filter(pk__in=unnamed).update(revoked_at=now)


def _of_key(session_key: str | None) -> QuerySet[MemberSession]:
    if not session_key:
        return MemberSession.objects.none()
    return MemberSession.objects.filter(key_hash__in=keyed_hashes("session", session_key), revoked_at=None)


def _device(address: str, user_agent: str) -> dict[str, str]:
    return {
        "browser": rules.browser_label(user_agent)[:_LONGEST_LABEL],
        "network": rules.coarse_network(address),
    }


def _as_record(row: LoginEvent) -> LoginRecord:
    return LoginRecord(
        id=row.pk,
        method=SignInMethod(row.method),
        outcome=LoginOutcome(row.outcome),
        browser=row.browser,
        network=row.network,
        at=row.created_at,
    )
