"""Reads and row locks of accounts."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from django.contrib.auth.models import Group
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from apps.accounts.contracts import ApiKeyDetail, AttemptState, ListKind, ListScope, Member, MemberStatus, Profile
from apps.accounts.errors import MemberClosed, MemberNotFound, RoleNotKnown
from apps.accounts.models import (
    ApiKey,
    ListEntry,
    LoginAttempt,
    LoginCode,
    LoginEvent,
    MemberSession,
    Person,
    User,
    WeChatIdentity,
)
from apps.kernel.db import CompiledRead, Given
from apps.kernel.ids import PersonId, UserId


@dataclass(frozen=True)
class KeyFacts:
    """An API key, and whether its owner may sign in."""

    id: UUID
    user_id: UUID
    scopes: list[str]
    allowed_networks: list[str]
    allowed_models: list[str]
    requests_per_minute: int | None
    tokens_per_minute: int | None
    max_parallel: int | None
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    status: str
    is_staff: bool
    # A black list keeps the owner from signing in.
    is_blocked: bool


def user(user_id: UserId) -> User:
    """One user. Raises MemberNotFound."""
    try:
        return User.objects.get(pk=user_id)
    except User.DoesNotExist:
        raise MemberNotFound() from None


def user_with_person(user_id: UserId) -> User:
    """One user and whose account it is, in one query. Raises MemberNotFound."""
    try:
        return User.objects.select_related("person").get(pk=user_id)
    except User.DoesNotExist:
        raise MemberNotFound() from None


def lock_person_of(user_id: UserId) -> Person:
    """The person whose account this is, locked for update. Raises MemberNotFound."""
    owners = User.objects.filter(pk=user_id).values("person_id")
    person = Person.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=owners).first()
    if person is None:
        raise MemberNotFound()
    return person


def accounts_of(person_id: PersonId) -> QuerySet[User]:
    """Every account that a person ever had."""
    return User.objects.filter(person_id=person_id)


def persons_to_forget(*, left_before: datetime) -> QuerySet[Person]:
    """Who left before this time and would still be recognised."""
    return Person.objects.filter(left_at__lt=left_before, key_hash__isnull=False)


def lock_user(user_id: UserId) -> User:
    """One user, locked for update. Raises MemberNotFound."""
    try:
        return User.objects.select_for_update(of=("self",), no_key=True).get(pk=user_id)
    except User.DoesNotExist:
        raise MemberNotFound() from None


def lock_open_user(user_id: UserId) -> User:
    """The same for an account that is not closed. Raises MemberClosed, MemberNotFound."""
    found = lock_user(user_id)
    if found.status == MemberStatus.CLOSED:
        raise MemberClosed()
    return found


def lock_user_with_person(user_id: UserId) -> User:
    """One user, locked for update, and the person whose account it is. Raises MemberNotFound."""
    try:
        rows = User.objects.select_related("person").select_for_update(of=("self", "person"), no_key=True)
        return rows.get(pk=user_id)
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


def lock_identities() -> QuerySet[WeChatIdentity]:
    """Identities, locked for update by whoever reads them."""
    return WeChatIdentity.objects.select_for_update(of=("self",), no_key=True)


def lock_identity(identity_id: UUID) -> WeChatIdentity:
    """One identity, locked for update."""
    return lock_identities().get(pk=identity_id)


def lock_holder(code_hash: str) -> WeChatIdentity:
    """The identity that holds this code, locked for update."""
    holder = LoginCode.objects.filter(code_hash=code_hash).values("identity_id")
    return lock_identities().get(pk__in=holder)


def live_codes(*, code_hash: str, now: datetime) -> QuerySet[LoginCode]:
    """The code with this hash, if it may still be used."""
    return LoginCode.objects.filter(code_hash=code_hash, used_at=None, expires_at__gt=now)


def attempts_of_browser(*, attempt_id: UUID, browser_hashes: Collection[str]) -> QuerySet[LoginAttempt]:
    """This browser's attempt; another browser's does not exist."""
    return LoginAttempt.objects.filter(pk=attempt_id, browser_hash__in=browser_hashes)


def open_attempts(attempts: QuerySet[LoginAttempt], *, now: datetime) -> QuerySet[LoginAttempt]:
    """Those of the attempts that may still take a code; a scan that nobody confirms does not stand in its way."""
    open_states = (AttemptState.WAITING, AttemptState.SCANNED)
    return attempts.filter(state__in=open_states, expires_at__gt=now, tries__lt=F("max_tries"))


def waiting_attempts(*, now: datetime) -> QuerySet[LoginAttempt]:
    """All attempts that nobody has scanned and that are not over."""
    return open_attempts(LoginAttempt.objects.filter(state=AttemptState.WAITING), now=now)


def user_of_attempt(attempt_id: UUID) -> User | None:
    """Who has confirmed this attempt; None if nobody has, or they closed the account since."""
    return User.objects.filter(pk__in=LoginAttempt.objects.filter(pk=attempt_id).values("user_id")).first()


def sessions_of_attempt(attempt_id: UUID) -> QuerySet[MemberSession]:
    """The sessions that an attempt gave to its browser."""
    return MemberSession.objects.filter(attempt_id=attempt_id)


def standing(*, user_id: UserId | Given, scope: ListScope | Given, now: datetime | Given) -> QuerySet[Any]:
    """One user with status and person, annotated `is_blocked` and `is_spared` if a list says so in this scope."""
    rows = User.objects.filter(pk=user_id).only("status", "person_id")
    return rows.annotate(
        is_blocked=Exists(blocking(OuterRef("person"), scope=scope, now=now)),
        is_spared=Exists(sparing(OuterRef("person"), scope=scope, now=now)),
    )


def _standing_held() -> QuerySet[Any]:
    rows = standing(user_id=Given("user_id"), scope=Given("scope"), now=Given("now"))
    return rows.select_for_update(of=("self",), no_key=True)


_STANDING_HELD = CompiledRead(_standing_held)


def hold_standing(*, user_id: UserId, scope: ListScope, now: datetime) -> Any:
    """The same, or None, and the user is locked: until the end of the transaction they neither leave nor change."""
    return _STANDING_HELD.one(user_id=user_id, scope=scope, now=now)


def blocking(person: Any, *, scope: ListScope | Given, now: datetime | Given) -> QuerySet[ListEntry]:
    """The black-list entries that hold this person back in this scope now."""
    return _listed(person, kind=ListKind.BLACK, scope=scope, now=now)


def is_kept_out(user_id: UserId, *, now: datetime) -> bool:
    """Whether a black list keeps this user from signing in."""
    return standing(user_id=user_id, scope=ListScope.LOGIN, now=now).filter(is_blocked=True).exists()


def sparing(person: Any, *, scope: ListScope | Given, now: datetime | Given) -> QuerySet[ListEntry]:
    """The white-list entries that spare this person the limits of this scope now."""
    return _listed(person, kind=ListKind.WHITE, scope=scope, now=now)


def _listed(person: Any, *, kind: ListKind, scope: ListScope | Given, now: datetime | Given) -> QuerySet[ListEntry]:
    lasting = Q(expires_at=None) | Q(expires_at__gt=now)
    return ListEntry.objects.filter(lasting, person=person, kind=kind, scope__in=(scope, ListScope.ALL), ended_at=None)


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


def key_facts(key_hash: str, *, now: datetime) -> KeyFacts | None:
    """What every request with a key asks of it, in one query."""
    found = _KEY_FACTS.tuples(key_hash=key_hash, now=now)
    return KeyFacts(*found[0]) if found else None


def _key_facts() -> QuerySet[Any, Any]:
    blocked = Exists(blocking(OuterRef("user__person"), scope=ListScope.LOGIN, now=Given("now")))
    keys = ApiKey.objects.annotate(is_blocked=blocked).filter(key_hash=Given("key_hash"))
    return keys.values_list(
        *("pk", "user_id", "scopes", "allowed_networks", "allowed_models"),
        *("requests_per_minute", "tokens_per_minute", "max_parallel", "expires_at", "last_used_at", "revoked_at"),
        *("user__status", "user__is_staff", "is_blocked"),
    )


_KEY_FACTS = CompiledRead(_key_facts)


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
        requests_per_minute=row.requests_per_minute,
        tokens_per_minute=row.tokens_per_minute,
        max_parallel=row.max_parallel,
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
