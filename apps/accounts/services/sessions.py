"""The sessions of browsers in which people are signed in: begun in one place, listed, and ended at once."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.backends import ModelBackend
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase

from apps.accounts import rules, selectors
from apps.accounts.contracts import ListScope, LoginOutcome, LoginRecord, SessionDetail, SignInMethod
from apps.accounts.errors import MemberBlocked, MemberFrozen, SessionNotFound
from apps.accounts.models import LoginEvent, MemberSession
from apps.accounts.services.sealing import keyed_hash, seal, unseal
from apps.kernel import audit
from apps.kernel.ids import UserId
from apps.kernel.paging import Page, page_of

# How far behind "last seen" may be: it costs a write.
SEEN_EVERY = timedelta(minutes=5)
KEEP_LOGINS = timedelta(days=180)
_SEEN = "seen_at"
_LONGEST_LABEL = 60


def start_session(*, request: HttpRequest, user_id: UserId, method: SignInMethod, now: datetime) -> None:
    """Sign the browser in under a new session key; whatever session it had is gone (no fixation).

    Raises MemberFrozen for a frozen operator or a closed account, MemberBlocked for who may not sign in.
    """
    user = ModelBackend().get_user(user_id)
    if user is None:
        raise MemberFrozen()
    if selectors.blocking(user_id, scope=ListScope.LOGIN, now=now).exists():
        record_login(request=request, user_id=user_id, method=method, outcome=LoginOutcome.BLOCKED, now=now)
        raise MemberBlocked()
    _end(_of_key(request.session.session_key), now=now)
    request.session.flush()
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session[_SEEN] = int(now.timestamp())
    key = str(request.session.session_key)
    with transaction.atomic():
        MemberSession.objects.create(
            user_id=user_id,
            key_hash=keyed_hash("session", key),
            key_sealed=seal("session", key),
            method=method,
            last_seen_at=now,
            created_at=now,
            **_device(request),
        )
        record_login(request=request, user_id=user_id, method=method, outcome=LoginOutcome.SIGNED_IN, now=now)


def end_session(*, request: HttpRequest, now: datetime) -> None:
    """Sign the browser out on both sides; without a session there is nothing to do."""
    _of_key(request.session.session_key).update(revoked_at=now)
    logout(request)


def note_session_use(*, request: HttpRequest, now: datetime) -> None:
    """Remember that a session was used; writes at most every five minutes."""
    seen = request.session.get(_SEEN)
    if seen is None or now < datetime.fromtimestamp(seen, UTC) + SEEN_EVERY:
        return
    request.session[_SEEN] = int(now.timestamp())
    _of_key(request.session.session_key).update(last_seen_at=now)


def record_login(
    *, request: HttpRequest, user_id: UserId, method: SignInMethod, outcome: LoginOutcome, now: datetime
) -> None:
    """Add a line to a person's login history."""
    LoginEvent.objects.create(user_id=user_id, method=method, outcome=outcome, created_at=now, **_device(request))


def sessions_of(*, user_id: UserId, session_key: str | None, now: datetime) -> list[SessionDetail]:
    """The browsers in which a member is signed in, last used first; `session_key` tells which is the asking one."""
    current = keyed_hash("session", session_key or "")
    alive = selectors.live_sessions(user_id).filter(last_seen_at__gt=now - _session_age())
    return [
        SessionDetail(
            id=row.pk,
            browser=row.browser,
            network=row.network,
            method=SignInMethod(row.method),
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            is_current=row.key_hash == current,
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
    others = selectors.live_sessions(user_id).exclude(key_hash=keyed_hash("session", session_key or ""))
    return _end(others, now=now)


def revoke_session_as_operator(*, session_id: UUID, actor: str, reason: str, now: datetime) -> None:
    """End anybody's session; one that has ended stays as it is. `actor` is "staff:<id>"."""
    with transaction.atomic():
        row = MemberSession.objects.filter(pk=session_id, revoked_at=None).first()
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


def forget_old_access(*, now: datetime) -> int:
    """Delete login history older than 180 days and sessions that ended or ran out; returns how many rows."""
    logins, _ = LoginEvent.objects.filter(created_at__lt=now - KEEP_LOGINS).delete()
    sessions, _ = MemberSession.objects.filter(last_seen_at__lt=now - _session_age()).delete()
    _store().clear_expired()
    return logins + sessions


def remember_language(*, request: HttpRequest, response: HttpResponseBase, language: str) -> None:
    """Let Django's locale middleware know the member's language after sign-in; what this browser chose stays."""
    if language and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
        set_language(response=response, language=language)


def set_language(*, response: HttpResponseBase, language: str) -> None:
    """Show this browser the site in this language from the next page on."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.SESSION_COOKIE_AGE,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def _end(rows: QuerySet[MemberSession], *, now: datetime) -> int:
    """End these sessions: Django's rows go, ours say when. Returns how many."""
    ended = 0
    with transaction.atomic():
        for row in rows.filter(revoked_at=None):
            _store()(unseal("session", row.key_sealed)).delete()
            ended += MemberSession.objects.filter(pk=row.pk, revoked_at=None).update(revoked_at=now)
    return ended


def _of_key(session_key: str | None) -> QuerySet[MemberSession]:
    if not session_key:
        return MemberSession.objects.none()
    return MemberSession.objects.filter(key_hash=keyed_hash("session", session_key), revoked_at=None)


def _device(request: HttpRequest) -> dict[str, str]:
    return {
        "browser": rules.browser_label(request.headers.get("User-Agent", ""))[:_LONGEST_LABEL],
        "network": rules.coarse_network(str(request.META.get("REMOTE_ADDR", ""))),
    }


def _store() -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore


def _session_age() -> timedelta:
    return timedelta(seconds=settings.SESSION_COOKIE_AGE)


def _as_record(row: LoginEvent) -> LoginRecord:
    return LoginRecord(
        id=row.pk,
        method=SignInMethod(row.method),
        outcome=LoginOutcome(row.outcome),
        browser=row.browser,
        network=row.network,
        at=row.created_at,
    )
