"""Decisions about orders: which step may follow which, does a payment fit, when to ask again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from apps.kernel import offers
from apps.kernel.errors import DomainError
from apps.orders.contracts import OrderState
from apps.orders.errors import (
    IllegalTransition,
    ProductAmountNotPayable,
    ProductEmpty,
    ProductQuotaNotDeliverable,
    ProductTitleTooLong,
)

LIFETIME = timedelta(minutes=30)
# Of one member in a minute; above any honest impatience, and each may cost a call to the provider.
ORDERS_PER_MINUTE = 30
CHECKS_PER_MINUTE = 12
# An order with less time left is not offered for payment again.
REUSE_MARGIN = timedelta(minutes=5)
# Longer than a call to the provider may take, from its start to the last byte (kernel.http.CALL_SECONDS).
PREPAY_LEASE = timedelta(seconds=15)
CHECK_LEASE = timedelta(seconds=60)
# Money may arrive after the close; ask once more then.
FINAL_CHECK_AFTER = timedelta(minutes=10)
# Above every delay that is ever written into next_check_at or prepay_until, clocks of several hosts included.
LONGEST_DELAY = timedelta(minutes=15)
# A paid order that its own transaction could not deliver: when the sweep tries, and when it alarms.
DELIVERY_RETRY = timedelta(seconds=30)
DELIVERY_ALARM = timedelta(minutes=2)
# An open order is asked about within seconds; this long after its birth or its end somebody must look.
QUERY_ALARM = timedelta(minutes=5)
CLOSE_ALARM = timedelta(minutes=30)
# Money that an order does not keep is given back by a person; this long after it came, somebody is reminded.
GIVE_BACK_WITHIN = timedelta(days=3)
# The provider repeats a notice for a day. Whose order is still unknown then will stay unknown.
KNOWN_WITHIN = timedelta(days=1)
# How far the provider's clock may be from ours in what it signs; what is older is a replay.
MAX_SKEW_SECONDS = 300
# And in when it says that somebody paid: a clock may be wrong; money of the day after tomorrow is not paid yet.
FURTHEST_AHEAD = timedelta(days=1)
# Far below what the ledger moves at once: what could not be delivered must not be sold.
LARGEST_QUOTA_MILLI = 10**12
# What payment providers carry: 32-bit amounts, as our columns are, and descriptions that are counted in bytes.
LARGEST_AMOUNT_FEN = 2**31 - 1
LONGEST_TITLE_BYTES = 127

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


class Sold(Protocol):
    """What is paid for: a product, or an order's snapshot of one."""

    @property
    def title(self) -> str: ...
    @property
    def amount_fen(self) -> int: ...
    @property
    def quota_milli(self) -> int: ...
    @property
    def entitlements(self) -> Sequence[str]: ...


def check_sellable(sold: Sold) -> None:
    """Refuse what could not be paid for, or not be given once it is paid.

    Raises ProductEmpty, ProductAmountNotPayable, ProductQuotaNotDeliverable.
    """
    if not 0 <= sold.quota_milli <= LARGEST_QUOTA_MILLI:
        raise ProductQuotaNotDeliverable(quota_milli=sold.quota_milli, largest=LARGEST_QUOTA_MILLI)
    if not (sold.quota_milli or sold.entitlements):
        raise ProductEmpty
    if not 1 <= sold.amount_fen <= LARGEST_AMOUNT_FEN:
        raise ProductAmountNotPayable(amount_fen=sold.amount_fen, largest=LARGEST_AMOUNT_FEN)


def check_title(title: str) -> None:
    """Raise ProductTitleTooLong unless payers are shown all of it; of one that is on record, they see the beginning."""
    if (length := len(title.encode())) > LONGEST_TITLE_BYTES:
        raise ProductTitleTooLong(bytes=length, longest=LONGEST_TITLE_BYTES)


def is_sellable(sold: Sold) -> bool:
    """Whether a product that is on record may be sold: some were saved before they were checked."""
    try:
        check_sellable(sold)
    except DomainError:
        return False
    return True


def offer_of(sold: Sold) -> str:
    """The version of what somebody pays for. Subtitles and badges are praise; they change freely."""
    return offers.version_of(
        title=sold.title,
        amount_fen=sold.amount_fen,
        quota_milli=sold.quota_milli,
        entitlements=sorted(sold.entitlements),
    )


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
