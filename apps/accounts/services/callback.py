"""Answering the official account's callback: every message once, every retry with the same reply."""

import hashlib
import logging
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import translation

from apps.accounts import rules
from apps.accounts.contracts import CallbackRequest, Command
from apps.accounts.errors import CallbackForged
from apps.accounts.gateways import callback_protocol
from apps.accounts.gateways.callback_protocol import Incoming, MessageKind
from apps.accounts.models import CallbackMessage, UsedSignature, WeChatIdentity
from apps.accounts.services import replies, scanning
from apps.kernel.ids import UserId, new_id
from apps.kernel.sealing import keyed_hash, keyed_hashes, rekey, seal, unseal

logger = logging.getLogger(__name__)

# WeChat's word for "received, no reply"; needs no encryption.
NOTHING_TO_SAY = "success"
# For one lock of somebody else's: less than the time after which settings.LATE_ANSWERS speaks for us.
PATIENCE = timedelta(seconds=2)


# Which request each signature came with first, and when: what this process met before any database was asked.
_met: dict[str, tuple[str, datetime]] = {}


def admit_callback(*, request: CallbackRequest, use: str, now: datetime) -> bool:
    """Whether a request bears a fresh signature of WeChat's that came with no other request before; asks no database.

    A callback is answered even when its signatures cannot be written down as used: the database is locked, or too many
    wait. Until they are stale they are good for that request alone all the same, in this process. `use` tells
    requests apart beside their body. Called from the event loop, by one thread.
    """
    while _met and now - next(iter(_met.values()))[1] > 2 * rules.CALLBACK_FRESHNESS:
        del _met[next(iter(_met))]
    found = callback_protocol.signatures_of(request, now=now)
    mine = f"{use} {hashlib.sha256(request.body).hexdigest()}"
    firsts = [_met.setdefault(signature, (mine, now))[0] for signature in found]
    return bool(firsts) and all(first == mine for first in firsts)


def check_callback(*, request: CallbackRequest, now: datetime) -> None:
    """Let WeChat verify our address; the caller answers with its echostr, which is `request.body` here.

    Raises CallbackForged.
    """
    try:
        if not _use_up(callback_protocol.signatures_of(request, now=now), "echo", request.body, now):
            raise CallbackForged()
    except CallbackForged:
        logger.warning("wechat callback %s refused: forged, stale or used verification", new_id())
        raise


def answer_callback(*, request: CallbackRequest, now: datetime) -> str:
    """Act on one message or event, and say what to answer: reply XML or "success".

    Logs name the callback by an id and never hold the sender or the content. Raises CallbackForged.
    """
    callback_id = new_id()
    signatures = callback_protocol.signatures_of(request, now=now)
    try:
        mine, failure = _use_up(signatures, "message", request.body, now), None
    except DatabaseError as error:  # nothing can be done, but WeChat shows any other answer as an outage
        mine, failure = signatures, error
    try:
        message = callback_protocol.open_message(request, signatures=mine)
    except CallbackForged:
        logger.warning("wechat callback %s refused: forged, stale, used, or for another mode or account", callback_id)
        raise
    except callback_protocol.MessageUnreadable:
        logger.warning("wechat callback %s ignored: not a message we can read", callback_id)
        return NOTHING_TO_SAY
    # The account speaks one language: WeChat does not say which one the follower reads.
    with translation.override(settings.LANGUAGE_CODE):
        text = _busy(message, callback_id, failure) if failure else _reply(message, callback_id, now)
    return callback_protocol.passive_reply(message, text, now=now) if text else NOTHING_TO_SAY


def answer_late_callback(*, request: CallbackRequest, now: datetime) -> str:
    """What to answer when the real answer does not come in time: reply XML or "success", without the database.

    The work goes on; what it replies is kept, and WeChat's repeat or the follower's next message finds it.
    Raises CallbackForged.
    """
    try:
        message = callback_protocol.open_message(request, signatures=callback_protocol.signatures_of(request, now=now))
    except callback_protocol.MessageUnreadable:
        return NOTHING_TO_SAY
    logger.error("wechat callback %s is late: the database does not answer", new_id())
    if message.kind is not MessageKind.TEXT:
        return NOTHING_TO_SAY
    with translation.override(settings.LANGUAGE_CODE):
        return callback_protocol.passive_reply(message, replies.busy(), now=now)


def forget_old_messages(*, now: datetime) -> int:
    """Delete records of messages older than a day, since retries come within seconds; returns how many.

    Used signatures stay. WeChat signs the joined digits of timestamp and nonce: cut elsewhere, or swapped, the same
    signature may read as fresh again when its nonce is the time.
    """
    messages, _ = CallbackMessage.objects.filter(created_at__lt=now - timedelta(days=1)).delete()
    return messages


def _use_up(signatures: Collection[str], kind: str, body: bytes, now: datetime) -> frozenset[str]:
    """Make these signatures good for this request alone, before its body is read; returns those that are.

    A plain signature covers no body, and every access log shows it beside the sender's openid. So it is used up even
    if the request proves itself by another one, cannot be read, or comes in a mode that we do not take.
    """
    if not signatures:
        return frozenset()
    uses = keyed_hashes(f"callback.{kind}", hashlib.sha256(body).hexdigest())
    hashes = {keyed_hash("signature", signature): signature for signature in sorted(signatures)}
    rows = [UsedSignature(signature_hash=key, use_hash=uses[0], created_at=now) for key in sorted(hashes)]
    try:
        with _short_transaction():
            _rekey(signatures)
            UsedSignature.objects.bulk_create(rows)
    except IntegrityError:
        with _short_transaction():
            _rekey(signatures)
            UsedSignature.objects.bulk_create(rows, ignore_conflicts=True)
            mine = UsedSignature.objects.filter(signature_hash__in=hashes, use_hash__in=uses)
            return frozenset(hashes[key] for key in mine.values_list("signature_hash", flat=True))
    return frozenset(signatures)


def _rekey(signatures: Collection[str]) -> None:
    for signature in signatures:
        rekey(UsedSignature.objects.all(), "signature_hash", "signature", signature)


def _reply(message: Incoming, callback_id: UUID, now: datetime) -> str:
    try:
        return _reply_once(message, now)
    except Exception as failure:  # noqa: BLE001  # the process boundary: WeChat shows any other answer as an outage
        return _busy(message, callback_id, failure)


def _busy(message: Incoming, callback_id: UUID, failure: Exception) -> str:
    # Not logger.exception: a database error quotes the row, which holds the openid.
    trace = "".join(traceback.format_tb(failure.__traceback__))
    logger.error("wechat callback %s failed: %s\n%s", callback_id, type(failure).__name__, trace)
    return replies.busy() if message.kind is MessageKind.TEXT else ""


def _reply_once(message: Incoming, now: datetime) -> str:
    """The reply to a message; a message that we know gets the reply that it got."""
    with _short_transaction():
        rekey(CallbackMessage.objects.all(), "dedupe_key", "message", message.dedupe)
        record = CallbackMessage(dedupe_key=keyed_hash("message", message.dedupe), created_at=now)
        try:
            with transaction.atomic():
                record.save(force_insert=True)
        except IntegrityError:
            known = CallbackMessage.objects.get(dedupe_key=record.dedupe_key)
            return unseal("reply", known.reply_sealed) or ""
        reply = _act(message, now)
        if reply:
            record.reply_sealed = seal("reply", reply)
            record.save(update_fields=["reply_sealed"])
    return reply


def _act(message: Incoming, now: datetime) -> str:
    identity, _ = WeChatIdentity.objects.get_or_create(
        app_id=settings.WECHAT_OA["APP_ID"], openid=message.openid, defaults={"created_at": now}
    )
    if message.kind is MessageKind.TEXT:
        user_id = None if identity.user_id is None else UserId(identity.user_id)
        return replies.answer_command(Command(identity_id=identity.pk, user_id=user_id, text=message.text, now=now))
    if message.kind is MessageKind.UNREAD:
        return replies.hint()
    if message.kind is MessageKind.SCAN:
        if not rules.is_login_scene(message.scene):
            return replies.welcome()
        return scanning.scan(identity_id=identity.pk, scene=message.scene, ticket=message.ticket, now=now)
    if message.kind is MessageKind.FOLLOW:
        # The scan first: attempts are locked before identities.
        asked = (
            scanning.scan(identity_id=identity.pk, scene=message.scene, ticket=message.ticket, now=now)
            if rules.is_login_scene(message.scene)
            else ""
        )
        _set_following(identity.pk, True, at=message.sent_at, now=now)
        return asked or replies.welcome()
    if message.kind is MessageKind.UNFOLLOW:
        _set_following(identity.pk, False, at=message.sent_at, now=now)
    return ""


def _set_following(identity_id: UUID, is_following: bool, *, at: datetime, now: datetime) -> None:
    # An event of the future would outdate all that follow.
    at = min(at, now)
    older = Q(follow_changed_at=None) | Q(follow_changed_at__lte=at)
    WeChatIdentity.objects.filter(older, pk=identity_id).update(is_following=is_following, follow_changed_at=at)


@contextmanager
def _short_transaction() -> Iterator[None]:
    """One transaction that raises OperationalError rather than wait longer than PATIENCE for another one."""
    milliseconds = int(PATIENCE.total_seconds() * 1000)
    if connection.vendor != "sqlite":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
            yield
        return
    usual = int(connection.settings_dict["OPTIONS"]["timeout"] * 1000)
    _set_sqlite_patience(milliseconds)
    try:
        with transaction.atomic():
            yield
    finally:
        _set_sqlite_patience(usual)


def _set_sqlite_patience(milliseconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {milliseconds}")
