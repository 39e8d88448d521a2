"""Reads and row locks of accounts."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from django.contrib.auth.models import Group
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from apps.accounts.contracts import ApiKeyDetail, AttemptState, ListKind, ListScope, Member, Profile
from apps.accounts.errors import MemberNotFound, RoleNotKnown
from apps.accounts.models import (
    ApiKey,
    ListEntry,
    LoginAttempt,
    LoginCode,
    LoginEvent,
    MemberSession,
    User,
    WeChatIdentity,
)
from apps.kernel.ids import UserId


def user(user_id: UserId) -> User:
    """One user. Raises MemberNotFound."""
    try:
        return User.objects.get(pk=user_id)
    except User.DoesNotExist:
        raise MemberNotFound() from None


def lock_user(user_id: UserId) -> User:
    """One user, locked for update. Raises MemberNotFound."""
    try:
        return User.objects.select_for_update(of=("self",), no_key=True).get(pk=user_id)
    except User.DoesNotExist:
        raise MemberNotFound() from None


def lock_for_closing(user_id: UserId) -> User:
    """One user with everything that signs them in, locked in the order in which a sign-in locks it.

    Raises MemberNotFound.
    """
    theirs = Q(identity__in=identities_of(user_id))
    for rows in (
        LoginAttempt.objects.filter(theirs | Q(user_id=user_id)),
        LoginCode.objects.filter(theirs),
        identities_of(user_id),
    ):
        list(rows.select_for_update(of=("self",)).order_by("pk"))
    return lock_user(user_id)


def identities_of(user_id: UserId) -> QuerySet[WeChatIdentity]:
    """How WeChat knows this user."""
    return WeChatIdentity.objects.filter(user_id=user_id)


def users(user_ids: Iterable[UserId]) -> QuerySet[User]:
    """Those of these users that exist."""
    return User.objects.filter(pk__in=user_ids)


def lock_identity(identity_id: UUID) -> WeChatIdentity:
    """One identity, locked for update."""
    return WeChatIdentity.objects.select_for_update(of=("self",), no_key=True).get(pk=identity_id)


def lock_holder(code_hash: str) -> WeChatIdentity:
    """The identity that holds this code, locked for update."""
    holder = LoginCode.objects.filter(code_hash=code_hash).values("identity_id")
    return WeChatIdentity.objects.select_for_update(of=("self",), no_key=True).get(pk__in=holder)


def live_codes(*, code_hash: str, now: datetime) -> QuerySet[LoginCode]:
    """The code with this hash, if it may still be used."""
    return LoginCode.objects.filter(code_hash=code_hash, used_at=None, expires_at__gt=now)


def attempts_of_browser(*, attempt_id: UUID, browser_hash: str) -> QuerySet[LoginAttempt]:
    """This browser's attempt; another browser's does not exist."""
    return LoginAttempt.objects.filter(pk=attempt_id, browser_hash=browser_hash)


def open_attempts(attempts: QuerySet[LoginAttempt], *, now: datetime) -> QuerySet[LoginAttempt]:
    """Those of the attempts that may still take a code; a scan that nobody confirms does not stand in its way."""
    open_states = (AttemptState.WAITING, AttemptState.SCANNED)
    return attempts.filter(state__in=open_states, expires_at__gt=now, tries__lt=F("max_tries"))


def waiting_attempts(*, now: datetime) -> QuerySet[LoginAttempt]:
    """All attempts that nobody has scanned and that are not over."""
    return open_attempts(LoginAttempt.objects.filter(state=AttemptState.WAITING), now=now)


def user_of_attempt(attempt_id: UUID) -> User:
    """Who has confirmed this attempt."""
    return User.objects.get(pk__in=LoginAttempt.objects.filter(pk=attempt_id).values("user_id"))


def standing(*, user_id: UserId, scope: ListScope, now: datetime) -> tuple[str, bool] | None:
    """A user's status and whether a black list holds them back in this scope; None if nobody has the id. One query."""
    rows = User.objects.filter(pk=user_id).annotate(is_blocked=Exists(blocking(OuterRef("pk"), scope=scope, now=now)))
    return rows.values_list("status", "is_blocked").first()


def blocking(user: Any, *, scope: ListScope, now: datetime) -> QuerySet[ListEntry]:
    """The black-list entries that hold this user back in this scope now."""
    return _listed(user, kind=ListKind.BLACK, scope=scope, now=now)


def sparing(user: Any, *, scope: ListScope, now: datetime) -> QuerySet[ListEntry]:
    """The white-list entries that spare this user the limits of this scope now."""
    return _listed(user, kind=ListKind.WHITE, scope=scope, now=now)


def _listed(user: Any, *, kind: ListKind, scope: ListScope, now: datetime) -> QuerySet[ListEntry]:
    lasting = Q(expires_at=None) | Q(expires_at__gt=now)
    return ListEntry.objects.filter(lasting, user=user, kind=kind, scope__in=(scope, ListScope.ALL), ended_at=None)


def roles(names: Collection[str]) -> list[Group]:
    """The roles of these names. Raises RoleNotKnown."""
    found = list(Group.objects.filter(name__in=names))
    if {role.name for role in found} != set(names):
        raise RoleNotKnown()
    return found


def live_sessions(user_id: UserId) -> QuerySet[MemberSession]:
    """A user's sessions that nobody has ended."""
    return MemberSession.objects.filter(user_id=user_id, revoked_at=None)


def logins_of(user_id: UserId) -> QuerySet[LoginEvent]:
    """A user's login history."""
    return LoginEvent.objects.filter(user_id=user_id)


def live_keys(user_id: UserId) -> QuerySet[ApiKey]:
    """A user's API keys that are not revoked; expired ones are among them."""
    return ApiKey.objects.filter(user_id=user_id, revoked_at=None)


def key_with_hash(key_hash: str, *, now: datetime) -> ApiKey | None:
    """The key with its user, annotated `is_blocked` if a black list keeps the user from signing in. One query."""
    blocked = Exists(blocking(OuterRef("user"), scope=ListScope.LOGIN, now=now))
    return ApiKey.objects.select_related("user").annotate(is_blocked=blocked).filter(key_hash=key_hash).first()


def as_key(row: ApiKey) -> ApiKeyDetail:
    """The contract of one API key."""
    return ApiKeyDetail(
        id=row.pk,
        name=row.name,
        prefix=row.prefix,
        scopes=tuple(row.scopes),
        allowed_networks=tuple(row.allowed_networks),
        allowed_models=tuple(row.allowed_models),
        spend_cap_milli=row.spend_cap_milli,
        spent_milli=row.spent_milli,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        created_at=row.created_at,
    )


def as_member(row: User) -> Member:
    """The contract of one user."""
    return Member(id=UserId(row.pk), nickname=row.nickname, status=_status(row), created_at=row.created_at)


def as_profile(row: User) -> Profile:
    """The same for the person's own eyes."""
    return Profile(
        id=UserId(row.pk),
        nickname=row.nickname,
        avatar=row.avatar_code,
        status=_status(row),
        created_at=row.created_at,
        language=row.language,
    )


def _status(row: User) -> Literal["active", "frozen", "closed"]:
    return cast(Literal["active", "frozen", "closed"], row.status)
