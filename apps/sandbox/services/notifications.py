"""Payment notifications: encrypted, signed, tried at once and again until the merchant takes them.

What a merchant hears of a payment, and when, is told in one of the WAYS.
"""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from apps.sandbox import gateways
from apps.sandbox.contracts import Delivery
from apps.sandbox.models import Notification, NotificationState, NotifyAttempt, Payment, PaymentState
from apps.sandbox.rules import pay_crypto
from apps.sandbox.rules.payments import DUPLICATE_TIMES, NOTICE_DELAY, retry_delay
from apps.sandbox.services import payments

# Longer than one try may take; after it another process may try again.
_LEASE = timedelta(seconds=20)
_AT_ONCE = 10
_MOST_THREADS = 16

# The words of the phone's API, and what its page calls them; the first is what happens unless the phone says otherwise.
WAYS = {
    "normal": _("One notification, at once"),
    "delayed": _("One notification, 5 seconds late"),  # by the worker
    "duplicate": _("The same notification twice"),  # equal ones at the same moment
    "none": _("Nothing: the site must ask"),
    "forged": _("A forged notification"),  # with a stranger's signature; sent whatever the outcome
}


def prepare(*, payment: Payment, way: str, now: datetime) -> UUID | None:
    """Write down a notification that an order was paid; the caller's transaction holds the payment too.

    None where there is nothing to tell: WeChat Pay does not report failed tries. A forged one claims the payment
    whatever the order's state is, and is signed by nobody we know.
    """
    is_forged = way == "forged"
    if not is_forged and (way == "none" or payment.state != PaymentState.SUCCESS):
        return None
    event_id = f"EV-{now:%Y%m%d}{secrets.token_hex(12)}"
    claim = _as_if_paid(payment, now=now) if is_forged else payment
    return Notification.objects.create(
        event_id=event_id,
        payment=payment,
        is_forged=is_forged,
        body=_body(payments.transaction_of(claim), event_id=event_id, now=now),
        due_at=now + NOTICE_DELAY if way == "delayed" else now,
        created_at=now,
    ).pk


def times_of(way: str, asked: int | None) -> int:
    """How often a notification is sent at once; only duplicates and forgeries may come more than once."""
    if way not in ("duplicate", "forged"):
        return 1
    return asked or (DUPLICATE_TIMES if way == "duplicate" else 1)


def send(*, notification_id: UUID, times: int = 1, now: datetime) -> None:
    """Try one due notification, `times` times at the same moment; what is not due or taken is left alone."""
    lease = now + _LEASE
    pending = Notification.objects.filter(pk=notification_id, state=NotificationState.PENDING)
    if not pending.filter(due_at__lte=now).update(due_at=lease):
        return
    notification = Notification.objects.select_related("payment").get(pk=notification_id)
    deliveries = _deliver(notification, times=times, now=now)
    with transaction.atomic():
        NotifyAttempt.objects.bulk_create(
            NotifyAttempt(
                notification=notification,
                status=delivery.status,
                answer=delivery.answer,
                milliseconds=delivery.milliseconds,
                created_at=now,
            )
            for delivery in deliveries
        )
        # Only the holder of this lease may say how it ended.
        pending.filter(due_at=lease).update(**_outcome(notification, deliveries, now=now))


def send_due(*, now: datetime) -> int:
    """Try the notifications that are due; returns how many were looked at."""
    due = Notification.objects.filter(state=NotificationState.PENDING, due_at__lte=now).order_by("due_at")
    ids = list(due.values_list("pk", flat=True)[:_AT_ONCE])
    for notification_id in ids:
        send(notification_id=notification_id, now=now)
    return len(ids)


def _deliver(notification: Notification, *, times: int, now: datetime) -> list[Delivery]:
    private_key = _strangers_key() if notification.is_forged else settings.SANDBOX["PLATFORM_PRIVATE_KEY"]

    def once(_number: int) -> Delivery:
        return gateways.notify(
            notification.payment.notify_url, body=notification.body, private_key=private_key, now=now
        )

    with ThreadPoolExecutor(max_workers=min(times, _MOST_THREADS)) as threads:
        return list(threads.map(once, range(times)))


def _outcome(notification: Notification, deliveries: list[Delivery], *, now: datetime) -> dict[str, Any]:
    tries = notification.tries + 1
    delay = None if notification.is_forged else retry_delay(tries)
    if any(delivery.is_accepted for delivery in deliveries):
        state = NotificationState.DELIVERED
    else:
        state = NotificationState.GIVEN_UP if delay is None else NotificationState.PENDING
    return {"state": state, "tries": F("tries") + 1, "due_at": now + (delay or timedelta())}


def _as_if_paid(payment: Payment, *, now: datetime) -> Payment:
    """What a forger would like the order to be; never saved."""
    claim = copy(payment)
    claim.state, claim.paid_at = PaymentState.SUCCESS, now
    claim.transaction_id = payment.transaction_id or f"4200{secrets.randbelow(10**24):024d}"
    return claim


def _body(paid: dict[str, Any], *, event_id: str, now: datetime) -> str:
    nonce, associated_data = secrets.token_hex(6), "transaction"
    ciphertext = pay_crypto.encrypt_resource(
        _json(paid), key=settings.WECHAT_PAY["API_V3_KEY"], nonce=nonce, associated_data=associated_data
    )
    return _json(
        {
            "id": event_id,
            "create_time": payments.beijing(now),
            "resource_type": "encrypt-resource",
            "event_type": "TRANSACTION.SUCCESS",
            "summary": "支付成功",
            "resource": {
                "original_type": "transaction",
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": ciphertext,
                "associated_data": associated_data,
                "nonce": nonce,
            },
        }
    )


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=1)
def _strangers_key() -> str:
    """A key that nobody trusts, for forged notifications."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
