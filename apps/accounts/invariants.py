"""What must never be false about people, as queries."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Count, Exists, OuterRef

from apps.accounts import selectors, services
from apps.accounts.contracts import MemberStatus
from apps.accounts.events import UserRegistered
from apps.accounts.models import ApiKey, LoginAttempt, LoginEvent, MemberSession, Person, User, WeChatIdentity
from apps.kernel.invariants import Breach, invariant
from apps.kernel.untold_facts import Telling, untold

# The first rows name the trouble.
_SHOWN = 100
# The erasure runs every hour.
_GRACE = timedelta(hours=3)

_REGISTERED = Telling(
    topic=UserRegistered.topic,
    field="user_id",
    expected="SELECT UUID_TEXT(id) AS fact, created_at AS at FROM accounts_user WHERE NOT is_staff",
)


@invariant("I-59-accounts", "a person has one open account, and every secret that recognises persons is known")
def persons_are_recognised(now: datetime) -> Iterable[Breach]:
    """Persons with two open accounts, which the unique key forbids while it is there; secrets that nobody named."""
    opened = User.objects.exclude(status=MemberStatus.CLOSED).values("person_id").annotate(accounts=Count("pk"))
    for row in opened.filter(accounts__gt=1).order_by("person_id")[:_SHOWN]:
        yield Breach(f"person {row['person_id']}", f"{row['accounts']} open accounts")
    for use in services.person_keys():
        if use.standing == "unknown":
            yield Breach(
                f"person key {use.key_id}",
                f"recognises {use.persons} persons and is neither PERSON_KEY nor in PERSON_KEY_FORMER",
            )


@invariant("I-59-kept", "who left is forgotten after the promised time, and who is here has not left")
def persons_are_forgotten(now: datetime) -> Iterable[Breach]:
    """Hashes kept beyond the promised days, or of who left and is not counted; who left and has an open account."""
    for person in selectors.persons_to_forget(left_before=now - services.kept_for() - _GRACE).order_by("pk")[:_SHOWN]:
        yield Breach(f"person {person.pk}", f"left at {person.left_at} and is still recognised")
    here = User.objects.exclude(status=MemberStatus.CLOSED).filter(person__left_at__isnull=False)
    for user in here.order_by("pk")[:_SHOWN]:
        yield Breach(f"person {user.person_id}", f"has left, and account {user.pk} is open")
    opened = User.objects.exclude(status=MemberStatus.CLOSED).filter(person_id=OuterRef("pk"))
    uncounted = Person.objects.filter(left_at=None, key_hash__isnull=False).exclude(Exists(opened))
    for pk in uncounted.order_by("pk").values_list("pk", flat=True)[:_SHOWN]:
        yield Breach(f"person {pk}", "has no open account and has not left")


@invariant("I-64-accounts", "a closed account has no API key, no session and nothing else that signs in")
def closed_accounts_have_no_way_in(now: datetime) -> Iterable[Breach]:
    """Keys, sessions, sign-ins and WeChat identities that were made while or after an account closed."""
    for model in (ApiKey, MemberSession, LoginAttempt, LoginEvent, WeChatIdentity):
        rows = model._default_manager.filter(user__status=MemberStatus.CLOSED).order_by("pk")
        for pk in rows.values_list("pk", flat=True)[:_SHOWN]:
            yield Breach(f"{model._meta.model_name} {pk}", "at a closed account")


@invariant("I-46-accounts", "every registration was told", windowed=True)
def registrations_were_told(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Members whose registration nobody heard of: what a newcomer is given hangs on it."""
    return untold(_REGISTERED, since)
