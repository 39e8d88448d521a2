"""Operators: how they sign in to the admin, and which roles they have."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial

from django.contrib.auth import authenticate
from django.db import transaction

from apps.accounts import rules, selectors
from apps.accounts.contracts import LoginOutcome, RecognisedOperator, SignInMethod
from apps.accounts.errors import OperatorNotFound, OperatorNotRecognised, SecondFactorWrong
from apps.accounts.models import User
from apps.accounts.services.guessing import Guesses
from apps.accounts.services.operators_reach import require_reach
from apps.accounts.services.second_factor import check_second_factor, has_second_factor
from apps.accounts.services.sessions import record_refused_login
from apps.kernel import audit, limits
from apps.kernel.errors import RateLimited
from apps.kernel.ids import UserId
from apps.kernel.sealing import keyed_hash


def recognise_operator(
    *, username: str, password: str, code: str, address: str, user_agent: str, now: datetime
) -> RecognisedOperator:
    """Which operator has this password and, where one is set up, this code of the second factor.

    Raises OperatorNotRecognised (whatever was wrong), RateLimited.
    """
    network = rules.network_of(address)
    # Hashed: people type their passwords into the wrong field.
    name = keyed_hash("operator_name", username)
    guesses = Guesses(
        network=f"operator:{name}:{network}",
        everybody=f"operator:{name}",
        limit=rules.WRONG_PASSWORDS_PER_NAME,
        limit_of_everybody=rules.WRONG_PASSWORDS_PER_NAME_EVERYWHERE,
        in_flood=rules.WRONG_PASSWORDS_PER_NAME_IN_FLOOD,
        window=rules.WRONG_PASSWORDS_WINDOW,
    )
    limits.check(
        f"operator:{network}", limit=rules.WRONG_PASSWORDS_PER_NETWORK, window=rules.WRONG_PASSWORDS_WINDOW, now=now
    )
    guesses.check(now=now)
    note = partial(record_refused_login, method=SignInMethod.OPERATOR, address=address, user_agent=user_agent, now=now)
    try:
        return _recognise(username, password, code, now, note)
    except OperatorNotRecognised:
        with suppress(RateLimited):
            limits.hit(
                f"operator:{network}",
                limit=rules.WRONG_PASSWORDS_PER_NETWORK,
                window=rules.WRONG_PASSWORDS_WINDOW,
                now=now,
            )
        guesses.count(now=now)
        raise


def has_operators() -> bool:
    """Whether somebody has set this site up: there is an operator."""
    return User.objects.filter(is_staff=True).exists()


def set_roles(*, user_id: UserId, roles: tuple[str, ...], actor: str, reason: str, now: datetime) -> None:
    """Give an operator these roles and no others. `actor` is "staff:<id>".

    Raises OperatorNotFound, OperatorOutOfReach, RoleNotKnown, ReasonMissing, MemberNotFound.
    """
    audit.require_reason(reason)
    with transaction.atomic():
        user = selectors.lock_user(user_id)
        if not user.is_staff:
            raise OperatorNotFound()
        require_reach(actor=actor, user=user)
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


def _recognise(username: str, password: str, code: str, now: datetime, note: Callable[..., None]) -> RecognisedOperator:
    user = authenticate(username=username, password=password)
    if user is None or not getattr(user, "is_staff", False):
        named = User.objects.filter(username=username, is_staff=True).first()
        if named is not None:
            note(user_id=UserId(named.pk), outcome=LoginOutcome.WRONG_PASSWORD)
        raise OperatorNotRecognised()
    user_id = UserId(user.pk)
    has_factor = has_second_factor(user_id=user_id)
    if has_factor:
        try:
            check_second_factor(user_id=user_id, code=code, now=now)
        except SecondFactorWrong:
            note(user_id=user_id, outcome=LoginOutcome.WRONG_SECOND_FACTOR)
            raise OperatorNotRecognised() from None
    return RecognisedOperator(user_id=user_id, has_second_factor=has_factor)
