"""The stock of prizes: what operators configure, and what draws take."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from apps.kernel import audit, configuration
from apps.kernel.db import CompiledUpdate, Given
from apps.marketing.prizes import errors
from apps.marketing.prizes.contracts import StockDetail
from apps.marketing.prizes.models import PrizeStock

_ISSUED_ONE = CompiledUpdate(
    lambda: PrizeStock.objects.filter(pk=Given("stock_id"), issued__lt=F("total")), issued=F("issued") + 1
)


def save_stock(
    *,
    activity_id: UUID,
    code: str,
    total: int,
    now: datetime,
    actor: str = audit.SYSTEM,
    reason: str = "set-up",
) -> StockDetail:
    """Create the stock with this code; an existing one keeps its numbers (correct_stock changes them).

    Raises ReasonMissing, StockEmpty.
    """
    _check_total(total)
    stock = configuration.save(
        PrizeStock,
        key={"activity_id": activity_id, "code": code},
        values={"total": total},
        actor=actor,
        reason=reason,
        now=now,
        is_kept=True,
    )
    return _stock_detail(stock)


def correct_stock(*, stock_id: UUID, total: int, actor: str, reason: str, now: datetime) -> StockDetail:
    """Set how many there are in all; what has been issued stays issued.

    Raises ReasonMissing, StockEmpty, StockNotFound, StockBelowIssued.
    """
    audit.require_reason(reason)
    _check_total(total)
    with transaction.atomic():
        stock = PrizeStock.objects.select_for_update(of=("self",), no_key=True).filter(pk=stock_id).first()
        if stock is None:
            raise errors.StockNotFound(stock_id=str(stock_id))
        if total < stock.issued:
            raise errors.StockBelowIssued(issued=stock.issued, total=total)
        configuration.change(
            stock, {"total": total}, actor=actor, reason=reason, now=now, action="marketing.correct_stock"
        )
    return _stock_detail(stock)


def take_from_stock(*, stock_id: UUID) -> bool:
    """Issue one of it, in the caller's transaction; False where none is left."""
    return _ISSUED_ONE.run(stock_id=stock_id) == 1


def _check_total(total: int) -> None:
    """To stop giving something out, publish odds without it."""
    if total < 1:
        raise errors.StockEmpty


def _stock_detail(stock: PrizeStock) -> StockDetail:
    return StockDetail(
        id=stock.id, activity_id=stock.activity_id, code=stock.code, total=stock.total, issued=stock.issued
    )
