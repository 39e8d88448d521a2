"""White and black lists of members: who is spared the limits, and who is held back, in which scope and how long."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from apps.accounts import selectors
from apps.accounts.contracts import ListKind, ListScope, MemberStatus
from apps.accounts.errors import (
    ListEntryNotFound,
    ListEntryNotPossible,
    MemberBlocked,
    MemberClosed,
    MemberFrozen,
    MemberNotFound,
    ReasonMissing,
)
from apps.accounts.models import ListEntry
from apps.accounts.services.sessions import revoke_other_sessions
from apps.kernel import audit, limits
from apps.kernel.db import require_transaction
from apps.kernel.errors import RateLimited
from apps.kernel.ids import UserId


def require_active(*, user_id: UserId, scope: ListScope, now: datetime) -> None:
    """Refuse a member who is frozen, or black-listed for this scope; costs one query.

    Raises MemberFrozen, MemberClosed, MemberBlocked, MemberNotFound.
    """
    found = selectors.standing(user_id=user_id, scope=scope, now=now)
    if found is None:
        raise MemberNotFound()
    status, is_blocked = found
    if status == MemberStatus.CLOSED:
        raise MemberClosed()
    if status != MemberStatus.ACTIVE:
        raise MemberFrozen()
    if is_blocked:
        raise MemberBlocked(scope=scope)


def hold_active(*, user_id: UserId, scope: ListScope, now: datetime) -> None:
    """The same inside the caller's transaction, until whose end the account cannot be closed; two queries.

    Raises MemberFrozen, MemberClosed, MemberBlocked, MemberNotFound.
    """
    require_transaction("accounts.hold_active()")
    selectors.lock_user(user_id)
    require_active(user_id=user_id, scope=scope, now=now)


def limit_member(*, user_id: UserId, scope: ListScope, act: str, limit: int, window: timedelta, now: datetime) -> None:
    """Count one try of an act; above the limit only who is white-listed for the scope goes on.

    Call it outside the act's transaction, so that a refused try counts. Raises RateLimited.
    """
    try:
        limits.hit(f"{act}:{user_id}", limit=limit, window=window, now=now)
    except RateLimited:
        if not selectors.sparing(user_id, scope=scope, now=now).exists():
            raise


def list_member(
    *,
    user_id: UserId,
    kind: ListKind,
    scope: ListScope,
    actor: str,
    reason: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> None:
    """Put a member on a list until `expires_at`, or until they are taken off; an open entry is replaced.

    Who may not sign in any more is signed out everywhere. `actor` is "staff:<id>".
    Raises MemberNotFound, ReasonMissing, ListEntryNotPossible.
    """
    if not reason.strip():
        raise ReasonMissing()
    if expires_at is not None and expires_at <= now:
        raise ListEntryNotPossible()
    with transaction.atomic():
        selectors.lock_user(user_id)  # operators take turns, so that the open entry is the newest one
        _open(user_id, kind, scope).update(ended_at=now)
        ListEntry.objects.create(
            user_id=user_id,
            kind=kind,
            scope=scope,
            reason=reason.strip()[:300],
            created_by=actor,
            expires_at=expires_at,
            created_at=now,
        )
        if kind is ListKind.BLACK and scope in {ListScope.LOGIN, ListScope.ALL}:
            revoke_other_sessions(user_id=user_id, session_key=None, now=now)
        audit.record(
            actor=actor,
            action="accounts.list_member",
            target=("user", str(user_id)),
            reason=reason,
            after={"list": kind.value, "scope": scope.value, "until": expires_at.isoformat() if expires_at else None},
            now=now,
        )


def unlist_member(*, user_id: UserId, kind: ListKind, scope: ListScope, actor: str, reason: str, now: datetime) -> None:
    """Take a member off a list. `actor` is "staff:<id>".

    Raises ListEntryNotFound, ReasonMissing, MemberNotFound.
    """
    if not reason.strip():
        raise ReasonMissing()
    with transaction.atomic():
        selectors.lock_user(user_id)
        if not _open(user_id, kind, scope).update(ended_at=now):
            raise ListEntryNotFound()
        audit.record(
            actor=actor,
            action="accounts.unlist_member",
            target=("user", str(user_id)),
            reason=reason,
            before={"list": kind.value, "scope": scope.value},
            now=now,
        )


def _open(user_id: UserId, kind: ListKind, scope: ListScope) -> QuerySet[ListEntry]:
    return ListEntry.objects.filter(user_id=user_id, kind=kind, scope=scope, ended_at=None)
