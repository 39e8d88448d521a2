"""What accounts tells others, and the words that it uses for states."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from apps.kernel.errors import DomainError
from apps.kernel.ids import PersonId, UserId


class MemberStatus(TextChoices):
    """What a member may do. Frozen: sign in, read and take their data away; not chat, pay or draw. Closed: nothing."""

    ACTIVE = "active", _("Active")
    FROZEN = "frozen", _("Frozen")
    CLOSED = "closed", _("Account closed")


class AttemptState(TextChoices):
    """Where one browser's attempt to sign in stands. SCANNED and REFUSED belong to the QR way."""

    WAITING = "waiting"
    SCANNED = "scanned"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    EXPIRED = "expired"


class SignInMethod(TextChoices):
    """How a session began."""

    CODE = "code", _("Sign-in code")
    QR = "qr", _("QR code")
    OAUTH = "oauth", _("Inside WeChat")
    OPERATOR = "operator", _("Password")


class LoginOutcome(TextChoices):
    """How an attempt of a known person to sign in ended."""

    SIGNED_IN = "signed_in", _("Signed in")
    BLOCKED = "blocked", _("Blocked")
    WRONG_PASSWORD = "wrong_password", _("Wrong password")
    WRONG_SECOND_FACTOR = "wrong_second_factor", _("Wrong second factor")


class ApiScope(TextChoices):
    """What an API key may be used for."""

    CHAT = "chat"
    ACCOUNT = "account"
    MARKETING = "marketing"


class ListKind(TextChoices):
    """WHITE lifts the limits on how often a member may act; BLACK refuses the member."""

    WHITE = "white", _("White list")
    BLACK = "black", _("Black list")


class ListScope(TextChoices):
    """What a list entry is about; ALL is every other scope at once."""

    CHAT = "chat", _("Chat")
    PAY = "pay", _("Payment")
    DRAW = "draw", _("Draws")
    LOGIN = "login", _("Sign in")
    ALL = "all", _("Everything")


@dataclass(frozen=True, kw_only=True)
class Member:
    """A person as other apps may see them."""

    id: UserId
    nickname: str
    status: Literal["active", "frozen", "closed"]
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Whose account it is, and what it may do in one scope: held back by a black list, or spared by a white one."""

    user_id: UserId
    person_id: PersonId
    status: MemberStatus
    is_blocked: bool
    is_spared: bool


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A person as they see themselves. `language` is empty until they choose one; `avatar` is a code of avatars.py."""

    id: UserId
    nickname: str
    avatar: str
    status: Literal["active", "frozen", "closed"]
    created_at: datetime
    language: str


@dataclass(frozen=True, kw_only=True)
class OpenedAttempt:
    """A new attempt to sign in. `browser_secret` goes into the browser's cookie and is kept nowhere else.

    `qr_content` is empty where the official account has no QR codes. Who scans it sends `confirm_number` to say yes.
    """

    id: UUID
    browser_secret: str
    methods: tuple[str, ...]
    qr_content: str
    confirm_number: str
    official_account: str
    keyword: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """Who an attempt turned out to be."""

    profile: Profile
    is_new: bool


@dataclass(frozen=True, kw_only=True)
class RecognisedOperator:
    """Who proved themselves to be an operator; with their second factor, if they have one."""

    user_id: UserId
    has_second_factor: bool


@dataclass(frozen=True, kw_only=True)
class StartedSession:
    """A session in which a member is signed in: its key, for the browser alone, and what Django reads in it."""

    key: str = field(repr=False)
    content: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class SessionDetail:
    """One signed-in browser. `network` is coarse (an IPv4 /24 or IPv6 /48); `last_seen_at` lags up to five minutes."""

    id: UUID
    browser: str
    network: str
    method: SignInMethod
    created_at: datetime
    last_seen_at: datetime
    is_current: bool


@dataclass(frozen=True, kw_only=True)
class LoginRecord:
    """One line of a member's login history."""

    id: UUID
    method: SignInMethod
    outcome: LoginOutcome
    browser: str
    network: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class ApiKeyDetail:
    """An API key as its owner sees it. Empty networks or models allow all; no cap is None; amounts in milli-credits."""

    id: UUID
    name: str
    prefix: str
    scopes: tuple[str, ...]
    allowed_networks: tuple[str, ...]
    allowed_models: tuple[str, ...]
    spend_cap_milli: int | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    max_parallel: int | None
    spent_milli: int
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class NewApiKey:
    """A key that was just made; `key` is shown to its owner now and kept nowhere."""

    detail: ApiKeyDetail
    key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class IdentifiedKey:
    """Whom a valid API key speaks for, and what it may be used for. An empty list allows all, no limit is None."""

    key_id: UUID
    user_id: UserId
    scopes: frozenset[str]
    allowed_models: tuple[str, ...]
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_parallel: int | None = None


@dataclass(frozen=True, kw_only=True)
class PersonKeyUse:
    """How many persons one secret recognises; `key_id` is its fingerprint."""

    key_id: str
    standing: Literal["present", "former", "unknown"]
    persons: int


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """What an operator's authenticator app is given: `uri` as a QR code, or `secret` (base32) by hand."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class CallbackRequest:
    """What WeChat's server put into the query, and its body, both unverified."""

    signature: str
    timestamp: str
    nonce: str
    encrypt_type: str
    msg_signature: str
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a member asked the official account for. `user_id` is None until their first sign-in on the site."""

    identity_id: UUID
    user_id: UserId | None
    text: str
    now: datetime


# What a session holds whose operator proved themselves with the second factor.
SECOND_FACTOR_PASSED = "second_factor"

# What a follower sends for a code; the sign-in page shows it, and replies name it.
LOGIN_KEYWORD = "登录"

# Answers a command with the text that the member reads; runs inside one transaction with the message's record.
CommandHandler = Callable[[Command], str]


class FilesExport(Protocol):
    """Files of a member's data, theirs and nobody else's, read one at a time."""

    def __call__(self, *, user_id: UserId) -> Iterable[tuple[str, bytes]]:
        """Each with its name, which no other one of them has."""
        ...


class Export(Protocol):
    """One file of a member's data: their rows and nobody else's, read as they are asked for.

    Values are what JSON can say, plus UUIDs, dates and times; never a secret, a hash or an openid in full.
    """

    def __call__(self, *, user_id: UserId) -> Iterable[Mapping[str, Any]]:
        """The rows."""
        ...


class ClosingCheck(Protocol):
    """Why a member cannot leave yet, or None. Runs inside the closing transaction and changes nothing."""

    def __call__(self, *, user_id: UserId) -> DomainError | None:
        """The reason."""
        ...


class ClosingStep(Protocol):
    """Erases what an app knows about a person. Runs inside the closing transaction, after all checks."""

    def __call__(self, *, user_id: UserId, now: datetime) -> None:
        """Erase it."""
        ...
