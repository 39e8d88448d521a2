"""Handing prizes over, each once."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.chat import services as chat
from apps.kernel import audit
from apps.kernel.ids import UserId
from apps.ledger import services as ledger
from apps.ledger.contracts import Cause
from apps.marketing import errors
from apps.marketing.contracts import POINTS, DeliveryState, PrizeKind
from apps.marketing.models import Delivery
from apps.marketing.services.saving import require_reason


def deliver_prize(*, delivery_id: UUID, now: datetime) -> None:
    """Hand one prize over; a delivery that is done stays as it is.

    Raises DeliveryNotFound.
    """
    with transaction.atomic():
        claimed = Delivery.objects.filter(pk=delivery_id, state=DeliveryState.PENDING).update(
            state=DeliveryState.DONE, done_at=now
        )
        delivery = Delivery.objects.filter(pk=delivery_id).first()
        if delivery is None:
            raise errors.DeliveryNotFound(delivery_id=str(delivery_id))
        if claimed:
            _hand_over(delivery, now)


def replay_delivery(*, delivery_id: UUID, actor: str, reason: str, now: datetime) -> None:
    """Deliver again what is still owed, on an operator's word; nothing is paid twice.

    Raises DeliveryNotFound, ReasonMissing.
    """
    require_reason(reason)
    with transaction.atomic():
        deliver_prize(delivery_id=delivery_id, now=now)
        audit.record(
            actor=actor,
            action="marketing.replay_delivery",
            target=("delivery", str(delivery_id)),
            reason=reason,
            now=now,
        )


def _hand_over(delivery: Delivery, now: datetime) -> None:
    user_id = UserId(delivery.user_id)
    cause = Cause("marketing.delivery", str(delivery.id))
    match delivery.kind:
        case PrizeKind.QUOTA:
            chat.grant_quota(user_id=user_id, amount_milli=delivery.amount, kind="prize", cause=cause, now=now)
        case PrizeKind.POINTS:
            ledger.transfer(
                debit=ledger.system_account("issuer", POINTS),
                credit=ledger.user_account(user_id, POINTS),
                amount=delivery.amount,
                kind="prize",
                cause=cause,
                leg="points",
                now=now,
            )
        case PrizeKind.NOTHING:
            pass
