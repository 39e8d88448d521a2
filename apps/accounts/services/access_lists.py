"""White and black lists of members: who is spared the limits, and who is held back, in which scope and how long."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from apps.accounts import selectors
from apps.accounts.contracts import ListKind, ListScope, MemberStatus, Standing
from apps.accounts.errors import (
    ListEntryNotFound,
    ListEntryNotPossible,
    MemberBlocked,
    MemberClosed,
    MemberFrozen,
    MemberNotFound,
)
from apps.accounts.models import ListEntry, Person
from apps.accounts.services.operators_reach import require_reach
from apps.accounts.services.persons import person_of
from apps.accounts.services.sessions import revoke_other_sessions
from apps.kernel import audit, limits
from apps.kernel.db import require_transaction
from apps.kernel.errors import RateLimited
from apps.kernel.ids import PersonId, UserId


def hold_standing(*, user_id: UserId, scope: ListScope, now: datetime) -> Standing:
    """How a member stands in this scope, for whoever refuses by it. Costs one query.

    Until the end of the caller's transaction the account can be neither closed nor frozen. Raises MemberNotFound.
    """
    require_transaction("accounts.hold_standing()")
    found = selectors.hold_standing(user_id=user_id, scope=scope, now=now)
    if found is None:
        raise MemberNotFound()
    return Standing(
        user_id=user_id,
        person_id=PersonId(found.person_id),
        status=MemberStatus(found.status),
        is_blocked=bool(found.is_blocked),
        is_spared=bool(found.is_spared),
    )


def hold_active(*, user_id: UserId, scope: ListScope, now: datetime) -> PersonId:
    """The same, refusing a member who is frozen, or black-listed for this scope; the person who acts.

    Raises MemberFrozen, MemberClosed, MemberBlocked, MemberNotFound.
    """
    found = hold_standing(user_id=user_id, scope=scope, now=now)
    if found.status is MemberStatus.CLOSED:
        raise MemberClosed()
    if found.status is not MemberStatus.ACTIVE:
        raise MemberFrozen()
    if found.is_blocked:
        raise MemberBlocked(scope=scope)
    return found.person_id


def limit_member(*, user_id: UserId, scope: ListScope, act: str, limit: int, window: timedelta, now: datetime) -> None:
    """Count one try of an act by this person; above the limit only who is white-listed for the scope goes on.

    Call it outside the act's transaction, so that a refused try counts. Raises RateLimited, MemberNotFound.
    """
    person_id = person_of(user_id=user_id)
    try:
        limits.hit(f"{act}:{person_id}", limit=limit, window=window, now=now)
    except RateLimited:
        if not selectors.sparing(person_id, scope=scope, now=now).exists():
            raise


def is_spared(*, person_id: PersonId, scope: ListScope, now: datetime) -> bool:
    """Whether a white list spares this person the limits of a scope."""
    return selectors.sparing(person_id, scope=scope, now=now).exists()


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

    The entry holds for every account of the person: one that is closed already is a way to hold back who returns.
    Who may not sign in any more is signed out everywhere. `actor` is "staff:<id>".
    Raises MemberNotFound, OperatorOutOfReach, ReasonMissing, ListEntryNotPossible.
    """
    audit.require_reason(reason)
    if expires_at is not None and expires_at <= now:
        raise ListEntryNotPossible()
    with transaction.atomic():
        # Operators take turns, so that the open entry is the newest one.
        person = _person_within_reach(user_id, actor)
        _open(person, kind, scope).update(ended_at=now)
        ListEntry.objects.create(
            person=person,
            user_id=user_id,
            kind=kind,
            scope=scope,
            reason=reason.strip()[:300],
            created_by=actor,
            expires_at=expires_at,
            created_at=now,
        )
        if kind is ListKind.BLACK and scope in {ListScope.LOGIN, ListScope.ALL}:
            for account in selectors.accounts_of(PersonId(person.pk)):
                revoke_other_sessions(user_id=UserId(account.pk), session_key=None, now=now)
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

    Raises ListEntryNotFound, OperatorOutOfReach, ReasonMissing, MemberNotFound.
    """
    audit.require_reason(reason)
    with transaction.atomic():
        person = _person_within_reach(user_id, actor)
        if not _open(person, kind, scope).update(ended_at=now):
            raise ListEntryNotFound()
        audit.record(
            actor=actor,
            action="accounts.unlist_member",
            target=("user", str(user_id)),
            reason=reason,
            before={"list": kind.value, "scope": scope.value},
            now=now,
        )


def _person_within_reach(user_id: UserId, actor: str) -> Person:
    person = selectors.lock_person_of(user_id)
    for account in selectors.accounts_of(PersonId(person.pk)):
        require_reach(actor=actor, user=account)
    return person


def _open(person: Person, kind: ListKind, scope: ListScope) -> QuerySet[ListEntry]:
    return ListEntry.objects.filter(person=person, kind=kind, scope=scope, ended_at=None)
