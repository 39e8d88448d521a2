"""Notifications from payment providers."""

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import F

from apps.kernel import audit
from apps.kernel.ids import new_id
from apps.orders import gateways, selectors
from apps.orders.contracts import NoticeReply
from apps.orders.errors import NoticeRejected
from apps.orders.gateways.contract import BadNotice, Notice, SignatureProbe
from apps.orders.models import Notification, Outcome
from apps.orders.services import payments

logger = logging.getLogger(__name__)


def receive_notice(*, gateway: str, headers: Mapping[str, str], body: bytes, now: datetime) -> NoticeReply:
    """Believe a notification only if its signature holds, then book what it says; repeats change nothing.

    The answer is what acknowledges it, also when the payment did not fit (a person decides, a resend would not help).

    Raises GatewayUnknown, NoticeRejected for one that is forged, stale or malformed (nothing changed) and for an
    order that we do not know (the provider shall send it again).
    """
    provider = gateways.for_code(gateway)
    try:
        notice = provider.read_notice(headers=headers, body=body, now=now)
    except BadNotice as reason:
        reference = str(new_id())
        # The probe is the provider's own and no reason to wake anybody.
        level = logging.INFO if isinstance(reason, SignatureProbe) else logging.WARNING
        logger.log(level, "%s notification %s rejected: %s", gateway, reference, reason)
        raise NoticeRejected(reference=reference) from None
    outcome = _book(gateway, notice, hashlib.sha256(body).hexdigest(), now)
    if outcome is Outcome.UNKNOWN_ORDER:
        logger.warning("%s notification %s is for an unknown order", gateway, notice.event_id)
        raise NoticeRejected(reference=notice.event_id)
    return provider.thanks


def _book(gateway: str, notice: Notice, digest: str, now: datetime) -> Outcome:
    """One transaction for the payment, its delivery and the inbox row. The order's lock serialises repeats."""
    with transaction.atomic():
        order, outcome, reason = None, Outcome.IGNORED, notice.kind
        if notice.capture is not None:
            order = selectors.lock_order_of_trade(gateway=gateway, out_trade_no=notice.capture.out_trade_no)
            outcome, reason = Outcome.UNKNOWN_ORDER, ""
            if order is not None:
                outcome, reason = payments.record_capture(
                    order, notice.capture, actor=audit.SYSTEM, event_id=notice.event_id, now=now
                )
        _file(
            Notification(
                gateway=gateway,
                event_id=notice.event_id,
                body_sha256=digest,
                order=order,
                outcome=outcome,
                reason=reason[:300],
                last_at=now,
                created_at=now,
            )
        )
    return outcome


def _file(row: Notification) -> None:
    """Keep one row per event: what first became of it, or what came of it once its order was known."""
    same = Notification.objects.filter(gateway=row.gateway, event_id=row.event_id)
    if same.update(times=F("times") + 1, last_at=row.last_at):
        unsettled = same.filter(outcome=Outcome.UNKNOWN_ORDER)
        unsettled.update(order=row.order, outcome=row.outcome, reason=row.reason)
        return
    Notification.objects.bulk_create([row], ignore_conflicts=True)
