"""Operators: how they sign in to the admin, and which roles they have."""

from datetime import datetime, timedelta

from django.contrib.auth import authenticate
from django.db import transaction
from django.http import HttpRequest

from apps.accounts import rules, selectors
from apps.accounts.contracts import LoginOutcome, SignInMethod
from apps.accounts.errors import OperatorNotFound, OperatorNotRecognised, ReasonMissing, SecondFactorWrong
from apps.accounts.models import User
from apps.accounts.services.sealing import keyed_hash
from apps.accounts.services.second_factor import check_second_factor, has_second_factor, pass_second_factor
from apps.accounts.services.sessions import record_login, start_session
from apps.kernel import audit, limits
from apps.kernel.ids import UserId

# Only failures count: of one network, and of one user name from anywhere.
WRONG_PER_NETWORK = 20
WRONG_PER_NAME = 10
WRONG_WINDOW = timedelta(minutes=5)


def sign_in_operator(*, request: HttpRequest, username: str, password: str, code: str, now: datetime) -> None:
    """Start an operator's session with a password and, where one is set up, a code of the second factor.

    Raises OperatorNotRecognised (whatever was wrong), MemberBlocked, RateLimited.
    """
    network = rules.network_of(str(request.META.get("REMOTE_ADDR", "")))
    # Hashed: people type their passwords into the wrong field.
    name = keyed_hash("operator_name", username)
    buckets = [(f"operator:{network}", WRONG_PER_NETWORK), (f"operator:{name}", WRONG_PER_NAME)]
    for key, limit in buckets:
        limits.check(key, limit=limit, window=WRONG_WINDOW, now=now)
    try:
        user_id, has_factor = _recognise(request, username, password, code, now)
    except OperatorNotRecognised:
        for key, limit in buckets:
            limits.hit(key, limit=limit, window=WRONG_WINDOW, now=now)
        raise
    start_session(request=request, user_id=user_id, method=SignInMethod.OPERATOR, now=now)
    if has_factor:
        pass_second_factor(request=request)


def set_roles(*, user_id: UserId, roles: tuple[str, ...], actor: str, reason: str, now: datetime) -> None:
    """Give an operator these roles and no others. `actor` is "staff:<id>".

    Raises OperatorNotFound, RoleNotKnown, ReasonMissing, MemberNotFound.
    """
    if not reason.strip():
        raise ReasonMissing()
    with transaction.atomic():
        user = selectors.lock_user(user_id)
        if not user.is_staff:
            raise OperatorNotFound()
        groups = selectors.roles(roles)
        before = sorted(user.groups.values_list("name", flat=True))
        user.groups.set(groups)
        audit.record(
            actor=actor,
            action="accounts.set_roles",
            target=("user", str(user_id)),
            reason=reason,
            before={"roles": before},
            after={"roles": sorted(roles)},
            now=now,
        )


def _recognise(request: HttpRequest, username: str, password: str, code: str, now: datetime) -> tuple[UserId, bool]:
    user = authenticate(request, username=username, password=password)
    if user is None or not getattr(user, "is_staff", False):
        named = User.objects.filter(username=username, is_staff=True).first()
        if named is not None:
            _note(request, UserId(named.pk), LoginOutcome.WRONG_PASSWORD, now)
        raise OperatorNotRecognised()
    user_id = UserId(user.pk)
    has_factor = has_second_factor(user_id=user_id)
    if has_factor:
        try:
            check_second_factor(user_id=user_id, code=code, now=now)
        except SecondFactorWrong:
            _note(request, user_id, LoginOutcome.WRONG_SECOND_FACTOR, now)
            raise OperatorNotRecognised() from None
    return user_id, has_factor


def _note(request: HttpRequest, user_id: UserId, outcome: LoginOutcome, now: datetime) -> None:
    record_login(request=request, user_id=user_id, method=SignInMethod.OPERATOR, outcome=outcome, now=now)
