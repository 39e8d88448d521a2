"""A browser's attempt to sign in: opened, looked at, ended by a code from the phone or by a phone that scans."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, Q, QuerySet

from apps.accounts import rules, selectors
from apps.accounts.contracts import LOGIN_KEYWORD, AttemptState, OpenedAttempt, Profile, SignedIn
from apps.accounts.errors import AttemptNotFound, CodeNotValid
from apps.accounts.models import LoginAttempt, LoginCode
from apps.accounts.services import qr_codes, randomness
from apps.accounts.services.guessing import Guesses
from apps.accounts.services.members import member_of
from apps.kernel import limits
from apps.kernel.db import is_unique_violation
from apps.kernel.errors import RateLimited
from apps.kernel.sealing import keyed_hash, keyed_hashes


def open_attempt(
    *, address: str, user_agent: str = "", invite_code: str, now: datetime, with_qr: bool = True
) -> OpenedAttempt:
    """Start signing a browser in, with a QR code if it is wanted now and the official account may make one.

    Talks to WeChat, so never inside a transaction. Raises RateLimited.
    """
    limits.hit(
        f"login_attempt:{rules.network_of(address)}",
        limit=rules.ATTEMPTS_PER_ADDRESS,
        window=timedelta(minutes=1),
        now=now,
    )
    browser_secret, confirm_number = secrets.token_urlsafe(32), randomness.new_confirm_number()
    scene = randomness.new_scene(confirm_number=confirm_number)
    # The scene is kept before WeChat hears of it: somebody may scan the code before we have its ticket.
    attempt = LoginAttempt.objects.create(
        browser_hash=keyed_hash("browser", browser_secret),
        scene_hash=keyed_hash("scene", scene),
        confirm_number=confirm_number,
        invite_code=invite_code,
        browser=rules.browser_label(user_agent),
        network=rules.coarse_network(address),
        max_tries=rules.TRIES_PER_ATTEMPT,
        expires_at=now + rules.ATTEMPT_LIFETIME,
        created_at=now,
    )
    qr_code = None
    if with_qr and qr_codes.are_possible() and _may_scan(attempt.network, now):
        qr_code = qr_codes.offer(scene=scene)
    if qr_code is not None:
        ticket_hash = keyed_hash("ticket", qr_code.ticket)
        LoginAttempt.objects.filter(pk=attempt.pk).update(ticket_hash=ticket_hash)
    return OpenedAttempt(
        id=attempt.pk,
        browser_secret=browser_secret,
        methods=("code", "qr") if qr_code or (not with_qr and qr_codes.are_possible()) else ("code",),
        qr_content=qr_code.url if qr_code else "",
        confirm_number=attempt.confirm_number,
        official_account=official_account_name(),
        keyword=LOGIN_KEYWORD,
        expires_at=attempt.expires_at,
    )


def official_account_name() -> str:
    """What a person looks for in WeChat to find our official account."""
    return str(settings.WECHAT_OA.get("NAME") or settings.WECHAT_OA["ORIGINAL_ID"])


def attempt_state(*, attempt_id: UUID, browser_secret: str, now: datetime) -> AttemptState:
    """Say where this browser's attempt stands; out of time or out of tries is EXPIRED.

    Raises AttemptNotFound.
    """
    attempt = _attempts_of(attempt_id, browser_secret).first()
    if attempt is None:
        raise AttemptNotFound()
    is_in_time = attempt.expires_at > now
    is_open = is_in_time and attempt.tries < attempt.max_tries
    if attempt.state in (AttemptState.WAITING, AttemptState.SCANNED) and not is_open:
        return AttemptState.EXPIRED
    if attempt.state == AttemptState.CONFIRMED and attempt.session_at is None and not is_in_time:
        return AttemptState.EXPIRED  # confirmed, but the browser was gone
    return AttemptState(attempt.state)


def take_session(*, attempt_id: UUID, browser_secret: str, now: datetime) -> Profile | None:
    """Who may be signed in in this browser, now that it is confirmed; None if its session was handed out.

    An answer can be lost on its way: for half a minute the same browser may collect again, unless the session that it
    was given has been ended since.
    """
    attempts = _attempts_of(attempt_id, browser_secret)
    ended = selectors.sessions_of_attempt(attempt_id).exclude(revoked_at=None)
    lately = (now - rules.COLLECT_AGAIN_WITHIN, now - rules.COLLECT_AGAIN_AFTER)
    may_be_lost = Q(session_at__range=lately) & ~Exists(ended)
    ready = attempts.filter(Q(session_at=None) | may_be_lost, state=AttemptState.CONFIRMED, expires_at__gt=now)
    if not ready.update(session_at=now):
        return None
    user = selectors.user_of_attempt(attempt_id)
    return None if user is None else selectors.as_profile(user)


def sign_in_with_code(*, attempt_id: UUID, browser_secret: str, code: str, address: str, now: datetime) -> SignedIn:
    """Redeem a code for this browser: once, whoever else tries at the same moment.

    Raises AttemptNotFound, CodeNotValid, RateLimited.
    """
    guesses = Guesses(
        network=f"login_code:{rules.network_of(address)}",
        everybody="login_code:all",
        limit=rules.WRONG_CODES_PER_ADDRESS,
        limit_of_everybody=rules.WRONG_CODES_IN_ALL,
        in_flood=rules.WRONG_CODES_IN_FLOOD,
        window=timedelta(minutes=1),
    )
    guesses.check(now=now)
    with transaction.atomic():
        signed_in = _redeem(_attempts_of(attempt_id, browser_secret), code, now)
    if signed_in is None:
        # After the transaction, which has counted the try of the attempt.
        guesses.count(now=now)
        raise CodeNotValid()
    return signed_in


def issue_code(*, identity_id: UUID, now: datetime) -> str:
    """Give a follower a new code, inside the caller's transaction; the one that they had stops working."""
    for _ in range(5):
        code = randomness.new_code()
        row = LoginCode(
            identity_id=identity_id,
            code_hash=keyed_hash("code", code),
            expires_at=now + rules.CODE_LIFETIME,
            created_at=now,
        )
        try:
            with transaction.atomic():
                LoginCode.objects.bulk_create(
                    [row],
                    update_conflicts=True,
                    unique_fields=["identity"],
                    update_fields=["code_hash", "expires_at", "used_at", "created_at"],
                )
        except IntegrityError as error:
            if not is_unique_violation(error, "accounts_logincode_one_holder", ("code_hash",)):
                raise
        else:
            return code
    raise RuntimeError("no free login code in five draws")


def forget_old_attempts(*, now: datetime) -> int:
    """Delete attempts and codes that ended more than a day ago; returns how many rows."""
    day_ago = now - timedelta(days=1)
    attempts, _ = LoginAttempt.objects.filter(expires_at__lt=day_ago).delete()
    codes, _ = LoginCode.objects.filter(expires_at__lt=day_ago).delete()
    return attempts + codes


def _may_scan(neighbourhood: str, now: datetime) -> bool:
    try:
        limits.hit(
            f"login_qr:{neighbourhood}", limit=rules.QR_CODES_PER_NEIGHBOURHOOD, window=timedelta(hours=1), now=now
        )
    except RateLimited:
        return False
    return True


def _attempts_of(attempt_id: UUID, browser_secret: str) -> QuerySet[LoginAttempt]:
    return selectors.attempts_of_browser(attempt_id=attempt_id, browser_hashes=keyed_hashes("browser", browser_secret))


def _redeem(attempts: QuerySet[LoginAttempt], code: str, now: datetime) -> SignedIn | None:
    """Count one try and use the code up; None when either is not possible, and the try stays counted."""
    if not selectors.open_attempts(attempts, now=now).update(tries=F("tries") + 1):
        if not attempts.exists():
            raise AttemptNotFound()
        return None
    # One by one: two people may hold the same code under two keys, and a code names one person.
    hashes = keyed_hashes("code", rules.normalise_code(code))
    used = (key for key in hashes if selectors.live_codes(code_hash=key, now=now).update(used_at=now))
    code_hash = next(used, None)
    if code_hash is None:
        return None
    attempt = attempts.get()
    identity = selectors.lock_holder(code_hash)
    user, is_new = member_of(identity=identity, invite_code=attempt.invite_code, now=now)
    attempt.state = AttemptState.CONFIRMED
    attempt.identity = identity
    attempt.user = user
    attempt.session_at = now
    attempt.save(update_fields=["state", "identity", "user", "session_at"])
    return SignedIn(profile=selectors.as_profile(user), is_new=is_new)
