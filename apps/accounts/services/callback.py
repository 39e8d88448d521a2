"""Answering the official account's callback: every message once, every retry with the same reply."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import translation

from apps.accounts import providers
from apps.accounts.contracts import CallbackRequest, Command
from apps.accounts.errors import CallbackForged
from apps.accounts.models import CallbackMessage, WeChatIdentity
from apps.accounts.providers import Incoming, MessageKind
from apps.accounts.services import commands, scanning
from apps.accounts.services.sealing import keyed_hash, seal, unseal
from apps.kernel.db import is_unique_violation
from apps.kernel.ids import UserId, new_id

logger = logging.getLogger(__name__)

# WeChat's word for "received, no reply"; needs no encryption.
NOTHING_TO_SAY = "success"
# WeChat hangs up after 5 s and sends again; better to say that we are busy while it listens.
PATIENCE = timedelta(seconds=3)


def check_callback(*, request: CallbackRequest, now: datetime) -> None:
    """Let WeChat verify our address; the caller answers with its echostr.

    Raises CallbackForged.
    """
    try:
        providers.verify_url(request, now=now)
    except CallbackForged:
        logger.warning("wechat callback %s refused: forged or stale verification", new_id())
        raise


def answer_callback(*, request: CallbackRequest, now: datetime) -> str:
    """Act on one message or event, and say what to answer: reply XML or "success".

    Logs name the callback by an id and never hold the sender or the content. Raises CallbackForged.
    """
    callback_id = new_id()
    try:
        message = providers.open_message(request, now=now)
    except CallbackForged:
        logger.warning("wechat callback %s refused: forged, stale or in another mode", callback_id)
        raise
    except providers.MessageUnreadable:
        logger.warning("wechat callback %s ignored: not a message we can read", callback_id)
        return NOTHING_TO_SAY
    # The account speaks one language: WeChat does not say which one the follower reads.
    with translation.override(settings.LANGUAGE_CODE):
        text = _reply(message, callback_id, now)
    return providers.passive_reply(message, text, now=now) if text else NOTHING_TO_SAY


def forget_old_messages(*, now: datetime) -> int:
    """Delete records of messages older than a day; retries come within seconds, replays are stale by then."""
    deleted, _ = CallbackMessage.objects.filter(created_at__lt=now - timedelta(days=1)).delete()
    return deleted


def _reply(message: Incoming, callback_id: UUID, now: datetime) -> str:
    try:
        return _reply_once(message, now)
    except CallbackForged:
        logger.warning("wechat callback %s refused: its signature was used for another message", callback_id)
        raise
    except Exception as failure:  # the process boundary: WeChat shows any other answer as an outage
        # Not logger.exception: a database error quotes the row, which holds the openid.
        trace = "".join(traceback.format_tb(failure.__traceback__))
        logger.error("wechat callback %s failed: %s\n%s", callback_id, type(failure).__name__, trace)  # noqa: TRY400
        return commands.busy() if message.kind is MessageKind.TEXT else ""


def _reply_once(message: Incoming, now: datetime) -> str:
    """The reply to a message; a message that we know gets the reply that it got. Raises CallbackForged."""
    with _short_transaction():
        try:
            record, is_first = CallbackMessage.objects.get_or_create(
                dedupe_key=keyed_hash("message", message.dedupe),
                defaults={"signature_hash": keyed_hash("signature", message.signature), "created_at": now},
            )
        except IntegrityError as error:
            if is_unique_violation(error, "accounts_callbackmessage_signature_once", ("signature_hash",)):
                raise CallbackForged() from None
            raise
        if not is_first:
            return unseal("reply", record.reply_sealed) if record.reply_sealed else ""
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
        return commands.answer_command(Command(identity_id=identity.pk, user_id=user_id, text=message.text, now=now))
    if message.kind is MessageKind.SCAN:
        return scanning.scan(identity_id=identity.pk, scene=message.scene, ticket=message.ticket, now=now)
    if message.kind is MessageKind.FOLLOW:
        # The scan first: attempts are locked before identities.
        asked = (
            scanning.scan(identity_id=identity.pk, scene=message.scene, ticket=message.ticket, now=now)
            if message.scene
            else ""
        )
        _set_following(identity.pk, True, message.sent_at)
        return asked or commands.welcome()
    if message.kind is MessageKind.UNFOLLOW:
        _set_following(identity.pk, False, message.sent_at)
    return ""


def _set_following(identity_id: UUID, is_following: bool, at: datetime) -> None:  # noqa: FBT001
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
