"""What accounts may do, compared with the audit trail that says how they came to it, both ways."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Exists, F, OuterRef, Q

from apps.accounts.contracts import AttemptState, MemberStatus
from apps.accounts.models import BackupCode, ListEntry, LoginAttempt, MemberSession, SecondFactor, User, WeChatIdentity
from apps.accounts.rules import BACKUP_CODES
from apps.accounts.services import persons, sessions
from apps.kernel import roles, sealing
from apps.kernel.ids import first_id_at
from apps.kernel.invariants import SHOWN, Breach, invariant
from apps.kernel.models import AuditEntry

_CREATED, _ROLES = "accounts.create_operator", "accounts.set_roles"
_ADDED, _REMOVED = "accounts.add_second_factor", "accounts.remove_second_factor"
_LISTED, _UNLISTED = "accounts.list_member", "accounts.unlist_member"
_STATUS = ("accounts.freeze", "accounts.unfreeze", "accounts.close")


@invariant("I-59-status", "an account is frozen or closed exactly when somebody decided so")
def statuses_were_decided(now: datetime) -> Iterable[Breach]:
    """Accounts in another state than the last act upon them left."""
    return _lasting(_undecided)


@invariant("I-59-operators", "operators have the roles that they were given, and nobody else has any")
def operators_were_made(now: datetime) -> Iterable[Breach]:
    """Operators whom nobody made or who are gone, and rights that nobody gave them."""
    return _lasting(_misappointed)


@invariant("I-59-roles", "a role may do what the migrations gave it")
def roles_are_as_granted(now: datetime) -> Iterable[Breach]:
    """Permissions that a role has beyond its migrations, or lacks."""
    granted = roles.granted()
    found: dict[str, set[str]] = {name: set() for name in granted}
    permissions = Group.objects.exclude(permissions=None).values_list(
        "name", "permissions__content_type__app_label", "permissions__codename"
    )
    for role, app, codename in permissions:
        found.setdefault(role, set()).add(f"{app}.{codename}")
    for role, may in sorted(found.items()):
        for permission in sorted(may ^ granted.get(role, set())):
            yield Breach(f"role {role}", f"{'has' if permission in may else 'lacks'} {permission}")


@invariant("I-59-factors", "second factors and backup codes are those that their operators added")
def factors_were_added(now: datetime) -> Iterable[Breach]:
    """Factors that the trail does not know, that are gone or that no key opens, and codes beyond those of a factor."""
    return _lasting(_unfactored)


@invariant("I-59-lists", "the lists are what operators wrote")
def lists_were_written(now: datetime) -> Iterable[Breach]:
    """Entries that nobody wrote, that are gone, or that ended otherwise than somebody ended them."""
    return _lasting(_misfiled)


@invariant("I-59-known", "a WeChat identity belongs to the account of its person", windowed=True)
def identities_are_their_persons(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Identities other than the one that their account's person is known by: somebody else signs in with them."""
    identities = WeChatIdentity.objects.exclude(user=None).exclude(user__person__key_hash=None)
    if since is not None:
        identities = identities.filter(pk__gte=first_id_at(since))
    for identity in identities.select_related("user__person").order_by("pk").iterator(chunk_size=2000):
        if identity.user is not None and not persons.is_known_by(person=identity.user.person, identity=identity):
            yield Breach(f"account {identity.user_id}", f"its person is not known by WeChat identity {identity.pk}")


@invariant("I-59-attempts", "whoever was signed in is whom WeChat knows by the identity that confirmed it")
def attempts_are_their_identities(now: datetime) -> Iterable[Breach]:
    """Attempts that another account's identity confirmed, and sessions of another account than their attempt's.

    Attempts are forgotten after a day, so this reads few rows.
    """
    confirmed = LoginAttempt.objects.filter(state=AttemptState.CONFIRMED)
    sessions = MemberSession.objects.filter(attempt_id=OuterRef("pk")).exclude(user_id=OuterRef("user_id"))
    wrong = ~Q(identity__user_id=F("user_id")) | Q(identity__user=None) | Q(Exists(sessions))
    for pk, user_id in confirmed.filter(wrong).order_by("pk").values_list("pk", "user_id")[:SHOWN]:
        yield Breach(f"account {user_id}", f"was signed in by attempt {pk}, which was another's")


@invariant("I-59-sessions", "a browser is signed in as whom its session was begun for", windowed=True)
def sessions_are_their_members(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Sessions that speak for another account than was signed in, or for one that was not. Only the full run looks."""
    return _lasting(lambda: _misspoken(now)) if since is None else []


def _misspoken(now: datetime) -> Iterator[Breach]:
    for session, user_id in sessions.open_sessions(now=now):
        if not sessions.is_session_of_member(user_id=user_id, session_key=session.session_key):
            yield Breach(f"account {user_id}", "a session speaks for it that was not begun for it")


def _undecided() -> Iterator[Breach]:
    decided = {target: after["status"] for target, (_, after, _) in _last_acts(*_STATUS).items()}
    others = User.objects.exclude(status=MemberStatus.ACTIVE).values_list("pk", "status")
    standing = {str(pk): status for pk, status in others}
    for target in sorted(decided.keys() | standing.keys()):
        said, stands = decided.get(target, MemberStatus.ACTIVE), standing.get(target, MemberStatus.ACTIVE)
        if said != stands:
            yield Breach(f"account {target}", f"is {stands}, and was left {said}")


def _misappointed() -> Iterator[Breach]:
    made = _last_acts(_CREATED)
    given = made | _last_acts(_ROLES)
    has_rights = Q(is_staff=True) | Q(is_superuser=True) | ~Q(groups=None) | ~Q(user_permissions=None)
    has_rights |= ~Q(username=None)
    operators = {
        str(user.pk): user for user in User.objects.filter(has_rights).prefetch_related("groups", "user_permissions")
    }
    for target in sorted(operators.keys() | made.keys()):
        user = operators.get(target)
        if user is None or not user.is_staff:
            yield Breach(
                f"operator {target}", "is none any more" if target in made else "has rights and is no operator"
            )
            continue
        if target not in made:
            yield Breach(f"operator {target}", "was made by nobody")
            continue
        if user.username != made[target][1]["username"]:
            yield Breach(f"operator {target}", "has another user name than was given")
        if user.is_superuser != (made[target][1]["roles"] is None):
            yield Breach(f"operator {target}", "may do everything, or may not, as nobody decided")
        if {group.name for group in user.groups.all()} != set(given[target][1]["roles"] or ()):
            yield Breach(f"operator {target}", "has other roles than were given")
        if user.user_permissions.all():
            yield Breach(f"operator {target}", "has permissions without a role")
    for pk in WeChatIdentity.objects.filter(user__is_staff=True).values_list("user_id", flat=True):
        yield Breach(f"operator {pk}", "signs in with WeChat")
    for pk in User.objects.filter(is_staff=True, person__key_hash__isnull=False).values_list("pk", flat=True):
        yield Breach(f"operator {pk}", "is a person whom WeChat knows")


def _unfactored() -> Iterator[Breach]:
    added = {target: at for target, (action, _, at) in _last_acts(_ADDED, _REMOVED).items() if action == _ADDED}
    confirmed = SecondFactor.objects.exclude(confirmed_at=None).values_list("user_id", "confirmed_at")
    factors = {str(user_id): at for user_id, at in confirmed}
    for target in sorted(added.keys() | factors.keys()):
        if added.get(target) != factors.get(target):
            yield Breach(f"operator {target}", "has no second factor, or another one, than was added")
    for user_id, sealed in SecondFactor.objects.order_by("pk").values_list("user_id", "secret_sealed"):
        if sealing.unseal("second_factor", sealed) is None:
            yield Breach(f"operator {user_id}", "has a second factor that no key opens")
    codes = Counter((str(user_id), at) for user_id, at in BackupCode.objects.values_list("user_id", "created_at"))
    for (target, at), count in sorted(codes.items()):
        if added.get(target) != at or count > BACKUP_CODES:
            yield Breach(f"operator {target}", f"{count} backup codes of {at.isoformat()} that no factor came with")


def _misfiled() -> Iterator[Breach]:
    # The trail names the account; the entry holds for the person.
    for pk in ListEntry.objects.exclude(person=F("user__person")).values_list("pk", flat=True):
        yield Breach(f"list entry {pk}", "is about another person than its account is")
    entries = ListEntry.objects.values_list("user_id", "kind", "scope", "expires_at", "created_at", "ended_at")
    found = Counter((str(user_id), *terms) for user_id, *terms in entries)
    written = Counter(_written())
    for user_id, kind, scope, *_ in found - written:
        yield Breach(f"list entry of {user_id}", f"{kind} {scope}: nobody wrote or ended it so")
    for user_id, kind, scope, *_ in written - found:
        yield Breach(f"list entry of {user_id}", f"{kind} {scope}: is missing, or ended otherwise")


def _written() -> Iterator[tuple[Any, ...]]:
    """What the entries must be: each ends with the next act about its person, list and scope."""
    acts = AuditEntry.objects.filter(target_type="user", action__in=(_LISTED, _UNLISTED)).order_by("pk")
    trail = list(acts.values_list("target_id", "action", "before", "after", "created_at"))
    targets = {target for target, *_ in trail}
    persons = {str(pk): person for pk, person in User.objects.filter(pk__in=targets).values_list("pk", "person_id")}
    opened: dict[tuple[Any, str, str], tuple[Any, ...]] = {}
    for target, action, before, after, at in trail:
        said: Any = after if action == _LISTED else before
        key = (persons.get(target), said["list"], said["scope"])
        if key in opened:
            yield (*opened.pop(key), at)
        if action == _LISTED:
            until = datetime.fromisoformat(said["until"]) if said["until"] else None
            opened[key] = (target, said["list"], said["scope"], until, at)
    for entry in opened.values():
        yield (*entry, None)


def _last_acts(*actions: str) -> dict[str, tuple[str, Any, datetime]]:
    """The newest of these acts upon each user: which, what came of it, and when."""
    acts = AuditEntry.objects.filter(target_type="user", action__in=actions).order_by("pk")
    return {
        target: (action, after, at)
        for target, action, after, at in acts.values_list("target_id", "action", "after", "created_at").iterator(2000)
    }


def _lasting(look: Callable[[], Iterator[Breach]]) -> list[Breach]:
    """What a second look finds too: an act between the two reads of one look is no breach."""
    first = set(look())
    return [breach for breach in look() if breach in first] if first else []
