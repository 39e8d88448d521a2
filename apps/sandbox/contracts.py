"""What the sandbox's services hand out."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Phone:
    """A WeChat user of the sandbox."""

    openid: str
    nickname: str
    is_following: bool


@dataclass(frozen=True, kw_only=True)
class LoginCard:
    """A scanned login under the site's reply; `state` is open, confirm, refuse or expired."""

    content: str  # what the QR holds
    state: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line on the phone; `direction` is sent, reply, service or notice. A reply to a scan carries a card."""

    id: str
    direction: str
    text: str
    created_at: datetime
    login: LoginCard | None


@dataclass(frozen=True, kw_only=True)
class LoginCode:
    """A QR code that the site asked for; `content` is what it holds."""

    content: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class PaymentCard:
    """An order as the payer sees it; `state` is NOTPAY, SUCCESS or CLOSED, `content` what its QR holds."""

    content: str
    title: str
    amount_fen: int
    state: str
    out_trade_no: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Screen:
    """Everything that one phone shows: newest lines last, newest codes first; `faults` are switched on."""

    phone: Phone
    lines: list[Line]
    logins: list[LoginCode]
    payments: list[PaymentCard]
    faults: int


@dataclass(frozen=True, kw_only=True)
class Callback:
    """How one try to tell the site something went.

    `status` is None when no answer came, `reply` is None when there was nothing to show, and `trouble`
    says why the answer does not count.
    """

    status: int | None
    reply: str | None
    trouble: str
    milliseconds: int


@dataclass(frozen=True, kw_only=True)
class PhoneReplies:
    """What the member reads after an act, and the tries behind it; `fault` is the one that struck, or ""."""

    replies: list[str]
    fault: str
    callbacks: list[Callback]


@dataclass(frozen=True, kw_only=True)
class ScannedLogin(PhoneReplies):
    """What the phone shows after a login code: the account, its replies, and what it may answer to `content`."""

    account: str
    content: str
    answers: tuple[str, ...] = ("confirm", "refuse")


@dataclass(frozen=True, kw_only=True)
class FaultState:
    """One fault, switched on or not; without `times_left` it is on until it is switched off."""

    name: str
    area: str
    title: str
    description: str
    is_on: bool
    times_left: int | None


@dataclass(frozen=True, kw_only=True)
class AccountType:
    """What kind of account ours is (subscription or service), and what that lets the site call."""

    kind: str
    is_verified: bool
    permissions: dict[str, bool]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """How one try to notify a merchant went; `status` is None when no answer came within 5 s."""

    status: int | None
    answer: str
    milliseconds: int

    @property
    def is_accepted(self) -> bool:
        """Whether the merchant took the notification."""
        return self.status in (200, 204)
