"""Handing prizes over, each once."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.kernel import audit
from apps.kernel.db import CompiledRead, CompiledUpdate, Given
from apps.kernel.ids import UserId
from apps.ledger.contracts import Cause
from apps.marketing.prizes import errors
from apps.marketing.prizes.contracts import DeliveryState
from apps.marketing.prizes.errors import PrizeOnItsWay
from apps.marketing.prizes.models import Delivery
from apps.marketing.prizes.registries import PRIZES, Handover

_CLAIM = CompiledUpdate(
    lambda: Delivery.objects.filter(pk=Given("pk"), state=DeliveryState.PENDING),
    state=DeliveryState.DONE,
    done_at=Given("now"),
)
_CLAIMED = CompiledRead(lambda: Delivery.objects.filter(pk=Given("pk")))


def deliver_prize(*, delivery_id: UUID, now: datetime) -> None:
    """Hand one prize over; a delivery that is done stays as it is.

    Raises DeliveryNotFound, CodeUnknown for a kind that nobody stands for: it stays owed.
    """
    with transaction.atomic():
        claimed = _CLAIM.run(pk=delivery_id, now=now)
        delivery = _CLAIMED.one(pk=delivery_id)
        if delivery is None:
            raise errors.DeliveryNotFound(delivery_id=str(delivery_id))
        if claimed:
            _hand_over(delivery, now)


def replay_delivery(*, delivery_id: UUID, actor: str, reason: str, now: datetime) -> None:
    """Deliver again what is still owed, on an operator's word; nothing is paid twice.

    Raises DeliveryNotFound, ReasonMissing, CodeUnknown.
    """
    audit.require_reason(reason)
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
    PRIZES[delivery.kind].deliver(
        Handover(
            user_id=UserId(delivery.user_id),
            amount=delivery.amount,
            word="prize",
            cause=Cause("marketing.delivery", str(delivery.id)),
            now=now,
        )
    )


def check_no_prize_on_its_way(*, user_id: UserId) -> PrizeOnItsWay | None:
    """Why a member cannot leave yet: a prize is won and not handed over."""
    # A draw that is under way holds the member (hold_active), so does closing: what it wins is seen after it.
    is_owed = Delivery.objects.filter(user_id=user_id, state=DeliveryState.PENDING).exists()
    return PrizeOnItsWay() if is_owed else None
