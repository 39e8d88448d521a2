"""Signing in with a QR code: a phone scans it, is told which browser it is about, and says yes or no.

Locks are taken in one order everywhere: attempt, then code, then identity.
"""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext

from apps.accounts import rules, selectors
from apps.accounts.contracts import AttemptState
from apps.accounts.errors import MemberBlocked
from apps.accounts.gateways import attempt_news
from apps.accounts.models import LoginAttempt
from apps.accounts.services.members import member_of
from apps.accounts.services.places import network_in_words
from apps.accounts.services.wordings import reply_text
from apps.kernel.db import is_unique_violation
from apps.kernel.ids import UserId
from apps.kernel.sealing import keyed_hashes


def scan(*, identity_id: UUID, scene: str, ticket: str, now: datetime) -> str:
    """Bind this scene's attempt to who scanned it, inside the caller's transaction; the reply asks them to confirm.

    A scene that is unknown, over, or somebody else's gets a reply that says what helps, and nothing changes.
    """
    attempt = LoginAttempt.objects.filter(scene_hash__in=keyed_hashes("scene", scene)).first()
    # The event may overtake the answer that brings us the ticket: then there is none to compare yet.
    if attempt is None or (ticket and attempt.ticket_hash not in ("", *keyed_hashes("ticket", ticket))):
        return reply_text(key="scan_gone")
    if _is_over(attempt, now) or not _bind(attempt, identity_id, now):
        return reply_text(key="scan_gone")
    if attempt.identity_id != identity_id:
        return reply_text(key="scan_taken")
    return reply_text(
        key="scan_ask",
        browser=_browser(attempt),
        network=network_in_words(attempt.network),
        time=attempt.created_at.astimezone(ZoneInfo(settings.TIME_ZONE)).strftime("%H:%M"),
        no=rules.REFUSE_WORDS[0],
    )


def confirm_scan(*, identity_id: UUID, number: str, now: datetime) -> str:
    """Let the browser in whose code this follower scanned last, if this is its number; once.

    Inside the caller's transaction. Every wrong number counts as one of the attempt's tries.
    """
    attempt = _lock_question(identity_id, now)
    if attempt is None:
        return reply_text(key="scan_nothing")
    if number != attempt.confirm_number:
        LoginAttempt.objects.filter(pk=attempt.pk).update(tries=F("tries") + 1)
        _tell(attempt.pk)
        return reply_text(key="scan_wrong_number", no=rules.REFUSE_WORDS[0])
    user, _ = member_of(identity=selectors.lock_identity(identity_id), invite_code=attempt.invite_code, now=now)
    questions = LoginAttempt.objects.filter(pk=attempt.pk, state=AttemptState.SCANNED, identity_id=identity_id)
    if selectors.is_kept_out(UserId(user.pk), now=now):
        questions.update(state=AttemptState.REFUSED)
        _tell(attempt.pk)
        return gettext(MemberBlocked.title)
    if not questions.update(state=AttemptState.CONFIRMED, user=user):
        raise RuntimeError("a locked attempt changed")
    _tell(attempt.pk)
    return reply_text(key="scan_confirmed", browser=_browser(attempt))


def ask_for_number(*, identity_id: UUID, now: datetime) -> str:
    """What to send instead of a mere yes."""
    if _lock_question(identity_id, now) is None:
        return reply_text(key="scan_nothing")
    return reply_text(key="scan_number")


def refuse_scan(*, identity_id: UUID, now: datetime) -> str:
    """Turn the browser away whose code this follower scanned last, inside the caller's transaction."""
    attempt = _lock_question(identity_id, now)
    if attempt is None:
        return reply_text(key="scan_nothing")
    LoginAttempt.objects.filter(pk=attempt.pk, state=AttemptState.SCANNED).update(state=AttemptState.REFUSED)
    _tell(attempt.pk)
    return reply_text(key="scan_refused")


def _is_over(attempt: LoginAttempt, now: datetime) -> bool:
    is_open = attempt.state in (AttemptState.WAITING, AttemptState.SCANNED)
    return not is_open or attempt.expires_at <= now or attempt.tries >= attempt.max_tries


def _bind(attempt: LoginAttempt, identity_id: UUID, now: datetime) -> bool:
    """Make a waiting attempt this follower's question, in place of the one they had; False if it is over meanwhile.

    An attempt that is scanned already stays with whoever scanned it first.
    """
    while attempt.state == AttemptState.WAITING:
        if _try_to_bind(attempt, identity_id, now):
            _tell(attempt.pk)
        # Bound by us or by somebody quicker, or not waiting any more.
        attempt.refresh_from_db(fields=["state", "identity", "tries"])
        if _is_over(attempt, now):
            return False
    return True


def _try_to_bind(attempt: LoginAttempt, identity_id: UUID, now: datetime) -> bool:
    older = LoginAttempt.objects.filter(identity_id=identity_id, state=AttemptState.SCANNED)
    for attempt_id in older.values_list("pk", flat=True):
        if older.filter(pk=attempt_id).update(state=AttemptState.REFUSED):
            _tell(attempt_id)
    try:
        with transaction.atomic():
            waiting = selectors.waiting_attempts(now=now).filter(pk=attempt.pk)
            return bool(waiting.update(state=AttemptState.SCANNED, identity_id=identity_id))
    except IntegrityError as error:
        # The same follower scanned another code at this moment: that one is older now, the caller tries again.
        if is_unique_violation(error, "accounts_loginattempt_one_question", ("identity_id",)):
            return False
        raise


def _lock_question(identity_id: UUID, now: datetime) -> LoginAttempt | None:
    questions = LoginAttempt.objects.select_for_update(of=("self",), no_key=True)
    return questions.filter(
        identity_id=identity_id, state=AttemptState.SCANNED, expires_at__gt=now, tries__lt=F("max_tries")
    ).first()


def _browser(attempt: LoginAttempt) -> str:
    return gettext("an unknown browser") if attempt.browser == rules.UNKNOWN else attempt.browser


def _tell(attempt_id: UUID) -> None:
    transaction.on_commit(lambda: attempt_news.tell(attempt_id))
