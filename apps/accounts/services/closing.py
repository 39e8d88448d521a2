"""Closing an account: whose it was is erased, the books stay under an id; a keyed hash recognises who comes back."""

from datetime import datetime

from django.db import transaction

from apps.accounts import rules, selectors
from apps.accounts.contracts import ClosingCheck, ClosingStep, ListScope, MemberStatus
from apps.accounts.errors import ClosingNotConfirmed, MemberBlocked, MemberClosed, MemberFrozen, OperatorNotClosable
from apps.accounts.models import ApiKey, LoginAttempt, LoginEvent, MemberSession, User
from apps.accounts.services.persons import note_leaving
from apps.accounts.services.sessions import revoke_other_sessions
from apps.kernel import audit, idempotency
from apps.kernel.ids import UserId

_checks: list[ClosingCheck] = []
_steps: list[ClosingStep] = []


def register_closing_check(check: ClosingCheck) -> None:
    """Let an app say why a member cannot leave yet; called in its AppConfig.ready()."""
    if check not in _checks:
        _checks.append(check)


def register_closing_step(step: ClosingStep) -> None:
    """Let an app erase what it knows about a person who leaves; called in its AppConfig.ready()."""
    if step not in _steps:
        _steps.append(step)


def close_account(*, user_id: UserId, confirm: str, now: datetime) -> None:
    """Erase the person and keep the books: all of it or, on a refusal, nothing.

    Orders, payments and the ledger stay with the id; nickname, avatar, WeChat identity, sessions, keys and texts
    go. The same WeChat starts as a new member without the balances, and without a second helping of what a person
    gets once. `confirm` is the nickname as its owner typed it.

    Raises ClosingNotConfirmed, MemberFrozen, MemberBlocked, MemberClosed, MemberNotFound, OperatorNotClosable, and the
    refusals of the registered checks (an open order, an answer under way, a prize on its way).
    """
    with transaction.atomic():
        user = selectors.lock_for_closing(user_id)
        _check(user, confirm, now)
        before = user.status
        for step in _steps:
            step(user_id=user_id, now=now)
        _forget_account(user, now)
        note_leaving(user=user, now=now)
        audit.record(
            actor=f"user:{user_id}",
            action="accounts.close",
            target=("user", str(user_id)),
            reason="asked for by the member",
            before={"status": before},
            after={"status": user.status},
            now=now,
        )


def _check(user: User, confirm: str, now: datetime) -> None:
    if user.status == MemberStatus.CLOSED:
        raise MemberClosed()
    if user.is_staff:
        raise OperatorNotClosable()
    # Leaving and coming back would undo what an operator decided.
    if user.status == MemberStatus.FROZEN:
        raise MemberFrozen()
    if any(selectors.blocking(user.person_id, scope=scope, now=now).exists() for scope in ListScope):
        raise MemberBlocked()
    if not rules.is_nickname(confirm, user.nickname):
        raise ClosingNotConfirmed()
    for check in _checks:
        if (refusal := check(user_id=UserId(user.pk))) is not None:
            raise refusal


def _forget_account(user: User, now: datetime) -> None:
    user_id = UserId(user.pk)
    revoke_other_sessions(user_id=user_id, session_key=None, now=now)
    MemberSession.objects.filter(user=user).delete()
    LoginEvent.objects.filter(user=user).delete()
    ApiKey.objects.filter(user=user).delete()
    LoginAttempt.objects.filter(user=user).delete()
    selectors.identities_of(user_id).delete()
    # Kept answers may hold what the member wrote.
    idempotency.forget(scope=f"user:{user_id}")
    user.nickname = rules.pseudonym(user_id)
    user.avatar, user.language = "", ""
    user.last_login = None
    user.status = MemberStatus.CLOSED
    user.set_unusable_password()
    user.save(update_fields=["nickname", "avatar", "language", "last_login", "status", "password"])
