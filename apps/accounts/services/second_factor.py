"""The operators' second factor: codes of an authenticator app (RFC 6238, 30 s, six digits), and backup codes."""

import hmac
import logging
from datetime import datetime
from typing import Any

import pyotp
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from apps.accounts import rules, selectors
from apps.accounts.contracts import Enrolment
from apps.accounts.errors import OperatorNotFound, SecondFactorInUse, SecondFactorWrong
from apps.accounts.models import BackupCode, SecondFactor
from apps.accounts.services.operators_reach import require_reach_or_self
from apps.accounts.services.randomness import new_backup_code
from apps.kernel import audit, limits
from apps.kernel.ids import UserId
from apps.kernel.sealing import keyed_hash, keyed_hashes, seal, unseal

logger = logging.getLogger(__name__)

_ISSUER = "Chatloop"


def has_second_factor(*, user_id: UserId) -> bool:
    """Whether the operator has an authenticator that proved itself."""
    return SecondFactor.objects.filter(user_id=user_id).exclude(confirmed_at=None).exists()


def needs_second_factor(*, user_id: UserId) -> bool:
    """Whether the operator's session has to begin with the second factor: one is set up, or one is demanded."""
    return settings.OPERATORS_NEED_SECOND_FACTOR or has_second_factor(user_id=user_id)


def begin_enrolment(*, user_id: UserId, now: datetime) -> Enrolment:
    """The secret for the operator's app: the one that waits for its first code, or a new one.

    Raises SecondFactorInUse, OperatorNotFound.
    """
    with transaction.atomic():
        user = selectors.lock_user(user_id)
        if not user.is_staff:
            raise OperatorNotFound()
        row = SecondFactor.objects.filter(user=user).first()
        if row is not None and row.confirmed_at is not None:
            raise SecondFactorInUse()
        secret = None if row is None else unseal("second_factor", row.secret_sealed)
        if secret is None:
            secret = pyotp.random_base32()
            SecondFactor.objects.filter(user=user).delete()
            SecondFactor.objects.create(user=user, secret_sealed=seal("second_factor", secret), created_at=now)
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.username or user.nickname, issuer_name=_ISSUER)
    return Enrolment(secret=secret, uri=uri)


def finish_enrolment(*, user_id: UserId, code: str, now: datetime) -> tuple[str, ...]:
    """Turn the second factor on with the app's first code; returns the backup codes, shown once.

    Raises SecondFactorWrong, SecondFactorInUse, RateLimited.
    """
    if has_second_factor(user_id=user_id):
        raise SecondFactorInUse()
    _count_try(user_id, now)
    codes = tuple(new_backup_code() for _ in range(rules.BACKUP_CODES))
    with transaction.atomic():
        is_right = _use_app_code(user_id, code, now)
        if is_right:
            SecondFactor.objects.filter(user_id=user_id).update(confirmed_at=now)
            BackupCode.objects.filter(user_id=user_id).delete()
            BackupCode.objects.bulk_create(
                [BackupCode(user_id=user_id, code_hash=_hash(code), created_at=now) for code in codes]
            )
            _record("accounts.add_second_factor", user_id, actor=f"staff:{user_id}", reason="by the operator", now=now)
    if not is_right:
        raise SecondFactorWrong()
    limits.give_back(_tries_of(user_id))
    return codes


def check_second_factor(*, user_id: UserId, code: str, now: datetime) -> None:
    """Use up a code of the app, or a backup code: each works once, whoever else tries at the same moment.

    Raises SecondFactorWrong, RateLimited.
    """
    _count_try(user_id, now)
    with transaction.atomic():
        is_right = _use_app_code(user_id, code, now) or _use_backup_code(user_id, code, now)
    if not is_right:
        raise SecondFactorWrong()
    limits.give_back(_tries_of(user_id))


def backup_codes_left(*, user_id: UserId) -> int:
    """How many backup codes still work."""
    return BackupCode.objects.filter(user_id=user_id, used_at=None).count()


def remove_second_factor(*, user_id: UserId, actor: str, reason: str, now: datetime) -> None:
    """Take an operator's authenticator and backup codes away; without one nothing happens. `actor` is "staff:<id>".

    Raises OperatorOutOfReach, MemberNotFound.
    """
    with transaction.atomic():
        require_reach_or_self(actor=actor, user=selectors.lock_user(user_id))
        _remove(user_id, actor=actor, reason=reason, now=now)


def remove_lost_second_factors(*, rows: QuerySet[Any], actor: str, reason: str, now: datetime) -> None:
    """Take away the authenticators that a lost sealing key has sealed, and their backup codes (kernel.lost_keys)."""
    for user_id in rows.order_by("pk").values_list("user_id", flat=True):
        _remove(user_id, actor=actor, reason=reason, now=now)


def _remove(user_id: UserId, *, actor: str, reason: str, now: datetime) -> None:
    BackupCode.objects.filter(user_id=user_id).delete()
    removed, _ = SecondFactor.objects.filter(user_id=user_id).delete()
    if removed:
        _record("accounts.remove_second_factor", user_id, actor=actor, reason=reason, now=now)


def _use_app_code(user_id: UserId, code: str, now: datetime) -> bool:
    row = SecondFactor.objects.filter(user_id=user_id).first()
    if row is None:
        return False
    secret = unseal("second_factor", row.secret_sealed)
    if secret is None:
        logger.error("operator %s: no SEALING_KEY opens the authenticator; remove it and set it up again", user_id)
        return False
    otp = pyotp.TOTP(secret)
    typed = rules.normalise_code(code).encode()
    accepted = rules.second_factor_steps(now)
    steps = [step for step in accepted if hmac.compare_digest(otp.generate_otp(step).encode(), typed)]
    # Moving the last step forward is what uses the code up: of two tries with the same code one finds no row.
    return bool(steps) and bool(
        SecondFactor.objects.filter(pk=row.pk, last_step__lt=steps[0]).update(last_step=steps[0])
    )


def _use_backup_code(user_id: UserId, code: str, now: datetime) -> bool:
    hashes = keyed_hashes("backup_code", rules.normalise_code(code))
    live = BackupCode.objects.filter(user_id=user_id, code_hash__in=hashes, used_at=None)
    return bool(live.update(used_at=now))


def _count_try(user_id: UserId, now: datetime) -> None:
    """Before the code is looked at; a right one is given back. A million codes are too few for a burst of guesses."""
    limits.hit(_tries_of(user_id), limit=rules.WRONG_SECOND_FACTORS, window=rules.WRONG_SECOND_FACTORS_WINDOW, now=now)


def _tries_of(user_id: UserId) -> str:
    return f"second_factor:{user_id}"


def _record(action: str, user_id: UserId, *, actor: str, reason: str, now: datetime) -> None:
    audit.record(actor=actor, action=action, target=("user", str(user_id)), reason=reason, now=now)


def _hash(code: str) -> str:
    return keyed_hash("backup_code", rules.normalise_code(code))
