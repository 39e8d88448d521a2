"""Operators' passwords: what is good enough, and how one is changed."""

from datetime import datetime

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import transaction

from apps.accounts import selectors
from apps.accounts.errors import OperatorNotFound, PasswordNotGood
from apps.accounts.models import User
from apps.accounts.services.sessions import revoke_other_sessions
from apps.kernel import audit
from apps.kernel.ids import UserId


def check_password(*, user: User, password: str) -> None:
    """Refuse a password that settings.AUTH_PASSWORD_VALIDATORS would. Raises PasswordNotGood."""
    try:
        password_validation.validate_password(password, user)
    except ValidationError as refusal:
        raise PasswordNotGood(problems=" ".join(refusal.messages)) from None


def change_password(*, user_id: UserId, password: str, session_key: str | None, now: datetime) -> None:
    """Give an operator, who has proved the old one, a new password; their sessions end but the one with this key.

    That one has to be renewed: Django knows a session by the password that it began with.
    Raises PasswordNotGood, OperatorNotFound, MemberNotFound.
    """
    with transaction.atomic():
        user = selectors.lock_user(user_id)
        if not user.is_staff:
            raise OperatorNotFound()
        check_password(user=user, password=password)
        user.set_password(password)
        user.save(update_fields=["password"])
        ended = revoke_other_sessions(user_id=user_id, session_key=session_key, now=now)
        audit.record(
            actor=f"staff:{user_id}",
            action="accounts.change_password",
            target=("user", str(user_id)),
            reason="by the operator",
            after={"ended_sessions": ended},
            now=now,
        )
