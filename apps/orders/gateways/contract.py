"""What every payment gateway offers, whoever runs it, and the two ways in which one can fail."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from apps.orders.contracts import NoticeReply, PayInstruction
from apps.orders.rules import Terms


class TemporaryFailure(Exception):
    """No usable answer. What the provider did is unknown; the same call may be repeated."""


class PermanentFailure(Exception):
    """The provider understood and refused; `code` is its own word. Repeating will not help by itself."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class BadNotice(Exception):
    """A notification that must change nothing; the text says why, without its content."""


class SignatureProbe(BadNotice):
    """The provider's own test of whether we check signatures: refuse it, and do not alarm."""


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What to ask the provider for. Every repeat of a charge is identical to the first."""

    out_trade_no: str
    title: str
    amount_fen: int
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Capture:
    """Money that the provider took, in its own words; compared with the order before it counts."""

    out_trade_no: str
    transaction_id: str
    terms: Terms
    payer: str = field(repr=False)
    paid_at: datetime
    # It went back to the payer since, or a part of it did.
    is_refunded: bool = False


class AnswerToAnother(TemporaryFailure):
    """A good answer to a question that we did not ask: about another trade, or signed with another key."""


class TradeState(Enum):
    """What the provider knows of an order of ours."""

    NOT_PAID = "not_paid"
    PAID = "paid"
    CLOSED = "closed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Trade:
    """The answer to a query about `out_trade_no`; `capture` is set exactly when `state` is PAID.

    Raises AnswerToAnother when the capture is another trade's, whichever gateway made it.
    """

    out_trade_no: str
    state: TradeState
    capture: Capture | None = None

    def __post_init__(self) -> None:
        if self.capture is not None and self.capture.out_trade_no != self.out_trade_no:
            raise AnswerToAnother("the capture of another trade")


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A notification whose signature was good; `capture` is None when it is about something else."""

    event_id: str
    kind: str
    capture: Capture | None


class Gateway(Protocol):
    """One way of paying."""

    @property
    def thanks(self) -> NoticeReply:
        """What tells the provider not to send a notification again."""

    @property
    def merchant_id(self) -> str:
        """The merchant that new orders are made for."""

    @property
    def app_id(self) -> str:
        """The application that new orders are made for."""

    def prepay(self, charge: Charge) -> PayInstruction:
        """Open the trade, or open it again. Raises TemporaryFailure, PermanentFailure."""

    def query(self, out_trade_no: str) -> Trade:
        """Ask what became of a trade. Raises TemporaryFailure, PermanentFailure."""

    def close(self, out_trade_no: str) -> bool:
        """Make a trade unpayable; False if the provider will not, most likely because it was paid meanwhile.

        Raises TemporaryFailure.
        """

    def read_notice(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """Check and open a notification. Raises BadNotice. Never talks to the network."""
