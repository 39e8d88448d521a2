"""Decisions about orders: which step may follow which, does a payment fit, when to ask again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.orders.contracts import OrderState
from apps.orders.errors import IllegalTransition, ProductQuotaNotDeliverable

LIFETIME = timedelta(minutes=30)
# An order with less time left is not offered for payment again.
REUSE_MARGIN = timedelta(minutes=5)
# Longer than the provider's connect and read time-outs together.
PREPAY_LEASE = timedelta(seconds=15)
CHECK_LEASE = timedelta(seconds=60)
# Money may arrive after the close; ask once more then.
FINAL_CHECK_AFTER = timedelta(minutes=10)
# A paid order that its own transaction could not deliver: when the sweep tries, and when it alarms.
DELIVERY_RETRY = timedelta(seconds=30)
DELIVERY_ALARM = timedelta(minutes=2)
# Far below what the ledger moves at once: what could not be delivered must not be sold.
LARGEST_QUOTA_MILLI = 10**12

S = OrderState

NEXT: Mapping[OrderState, frozenset[OrderState]] = {
    # A notification may overtake the answer to our own order call, hence created -> paid.
    S.CREATED: frozenset({S.PAYING, S.PAID, S.CLOSED, S.MISMATCH}),
    S.PAYING: frozenset({S.PAID, S.CLOSED, S.MISMATCH}),
    S.PAID: frozenset({S.DELIVERED, S.REFUNDING}),
    S.DELIVERED: frozenset({S.REFUNDING}),
    # Money that arrives after the close buys what it was paid for.
    S.CLOSED: frozenset({S.PAID, S.MISMATCH}),
    S.REFUNDING: frozenset({S.REFUNDED}),
    S.REFUNDED: frozenset(),
    # Only a person resolves a mismatch, by giving the money back.
    S.MISMATCH: frozenset({S.REFUNDING}),
}

OPEN = frozenset({S.CREATED, S.PAYING})
AWAITING_MONEY = frozenset({S.CREATED, S.PAYING, S.CLOSED})
HAS_MONEY = frozenset({S.PAID, S.DELIVERED})

_CHECK_DELAYS = (5, 15, 30, 60, 120, 300)


def check_quota(quota_milli: int) -> None:
    """Raise ProductQuotaNotDeliverable unless one order may give this much; 0 is for products that only open models."""
    if not 0 <= quota_milli <= LARGEST_QUOTA_MILLI:
        raise ProductQuotaNotDeliverable(quota_milli=quota_milli, largest=LARGEST_QUOTA_MILLI)


def check_transition(current: OrderState, target: OrderState) -> None:
    """Raise IllegalTransition unless an order may go from current to target."""
    if target not in NEXT[current]:
        raise IllegalTransition(current=current.value, target=target.value)


def check_delay(checks: int) -> timedelta:
    """How long to wait after so many queries that found no money."""
    return timedelta(seconds=_CHECK_DELAYS[min(checks, len(_CHECK_DELAYS) - 1)])


def may_be_reused(*, state: OrderState, same_offer: bool, expires_at: datetime, now: datetime) -> bool:
    """Whether an unpaid order may be shown again instead of making a second one."""
    return state in OPEN and same_offer and expires_at - now >= REUSE_MARGIN


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What must agree between an order's snapshot and a payment. `amount_fen` in the currency's hundredths."""

    merchant_id: str
    app_id: str
    amount_fen: int
    currency: str


def mismatches(expected: Terms, captured: Terms) -> tuple[str, ...]:
    """The terms that differ, as "name: expected, got"; empty when the payment fits."""
    pairs = (
        ("merchant", expected.merchant_id, captured.merchant_id),
        ("app", expected.app_id, captured.app_id),
        ("amount", expected.amount_fen, captured.amount_fen),
        ("currency", expected.currency, captured.currency),
    )
    return tuple(f"{name}: expected {want}, got {got}" for name, want, got in pairs if want != got)
