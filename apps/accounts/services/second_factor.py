"""The operators' second factor: codes of an authenticator app (RFC 6238, 30 s, six digits), and backup codes."""

import hmac
from datetime import datetime, timedelta

import pyotp
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from apps.accounts import rules, selectors
from apps.accounts.contracts import Enrolment
from apps.accounts.errors import OperatorNotFound, SecondFactorInUse, SecondFactorWrong
from apps.accounts.models import BackupCode, SecondFactor
from apps.accounts.services.sealing import keyed_hash, seal, unseal
from apps.kernel import audit, limits
from apps.kernel.ids import UserId

BACKUP_CODES = 10
# Ten letters of 22: 44 bits, and every guess is counted.
_BACKUP_LENGTH = 10
WRONG_CODES = 5
WRONG_CODES_WINDOW = timedelta(minutes=5)
_STEP_SECONDS = 30
_PASSED = "second_factor"
_ISSUER = "Chatloop"


def has_second_factor(*, user_id: UserId) -> bool:
    """Whether the operator has an authenticator that proved itself."""
    return SecondFactor.objects.filter(user_id=user_id).exclude(confirmed_at=None).exists()


def has_passed_second_factor(*, request: HttpRequest) -> bool:
    """Whether this session lacks nothing: it began with the second factor, or none is set up and none is demanded."""
    if request.session.get(_PASSED):
        return True
    if settings.OPERATORS_NEED_SECOND_FACTOR or request.user.pk is None:
        return False
    return not has_second_factor(user_id=UserId(request.user.pk))


def pass_second_factor(*, request: HttpRequest) -> None:
    """Note in the session that its operator has just proved themselves."""
    request.session[_PASSED] = True


def begin_enrolment(*, user_id: UserId, now: datetime) -> Enrolment:
    """The secret for the operator's app: the one that waits for its first code, or a new one.

    Raises SecondFactorInUse, OperatorNotFound.
    """
    with transaction.atomic():
        user = selectors.lock_user(user_id)
        if not user.is_staff:
            raise OperatorNotFound()
        row = SecondFactor.objects.filter(user=user).first()
        if row is None:
            sealed = seal("second_factor", pyotp.random_base32())
            row = SecondFactor.objects.create(user=user, secret_sealed=sealed, created_at=now)
    if row.confirmed_at is not None:
        raise SecondFactorInUse()
    secret = unseal("second_factor", row.secret_sealed)
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.username or user.nickname, issuer_name=_ISSUER)
    return Enrolment(secret=secret, uri=uri)


def finish_enrolment(*, user_id: UserId, code: str, now: datetime) -> tuple[str, ...]:
    """Turn the second factor on with the app's first code; returns the backup codes, shown once.

    Raises SecondFactorWrong, SecondFactorInUse, RateLimited.
    """
    if has_second_factor(user_id=user_id):
        raise SecondFactorInUse()
    _count_wrong(user_id, now, only_check=True)
    codes = tuple(rules.new_backup_code(_BACKUP_LENGTH) for _ in range(BACKUP_CODES))
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
        _count_wrong(user_id, now)
        raise SecondFactorWrong()
    return codes


def check_second_factor(*, user_id: UserId, code: str, now: datetime) -> None:
    """Use up a code of the app, or a backup code: each works once, whoever else tries at the same moment.

    Raises SecondFactorWrong, RateLimited.
    """
    _count_wrong(user_id, now, only_check=True)
    with transaction.atomic():
        is_right = _use_app_code(user_id, code, now) or _use_backup_code(user_id, code, now)
    if not is_right:
        _count_wrong(user_id, now)
        raise SecondFactorWrong()


def backup_codes_left(*, user_id: UserId) -> int:
    """How many backup codes still work."""
    return BackupCode.objects.filter(user_id=user_id, used_at=None).count()


def remove_second_factor(*, user_id: UserId, actor: str, reason: str, now: datetime) -> None:
    """Take an operator's authenticator and backup codes away; without one nothing happens. `actor` is "staff:<id>"."""
    with transaction.atomic():
        BackupCode.objects.filter(user_id=user_id).delete()
        removed, _ = SecondFactor.objects.filter(user_id=user_id).delete()
        if removed:
            _record("accounts.remove_second_factor", user_id, actor=actor, reason=reason, now=now)


def _use_app_code(user_id: UserId, code: str, now: datetime) -> bool:
    row = SecondFactor.objects.filter(user_id=user_id).first()
    if row is None:
        return False
    otp = pyotp.TOTP(unseal("second_factor", row.secret_sealed))
    present = int(now.timestamp()) // _STEP_SECONDS
    typed = rules.normalise_code(code).encode()
    # One step to either side: clocks differ, and people type slowly.
    steps = [
        step
        for step in (present - 1, present, present + 1)
        if hmac.compare_digest(otp.generate_otp(step).encode(), typed)
    ]
    # Moving the last step forward is what uses the code up: of two tries with the same code one finds no row.
    return bool(steps) and bool(
        SecondFactor.objects.filter(pk=row.pk, last_step__lt=steps[0]).update(last_step=steps[0])
    )


def _use_backup_code(user_id: UserId, code: str, now: datetime) -> bool:
    live = BackupCode.objects.filter(user_id=user_id, code_hash=_hash(code), used_at=None)
    return bool(live.update(used_at=now))


def _count_wrong(user_id: UserId, now: datetime, *, only_check: bool = False) -> None:
    count = limits.check if only_check else limits.hit
    count(f"second_factor:{user_id}", limit=WRONG_CODES, window=WRONG_CODES_WINDOW, now=now)


def _record(action: str, user_id: UserId, *, actor: str, reason: str, now: datetime) -> None:
    audit.record(actor=actor, action=action, target=("user", str(user_id)), reason=reason, now=now)


def _hash(code: str) -> str:
    return keyed_hash("backup_code", rules.normalise_code(code))
