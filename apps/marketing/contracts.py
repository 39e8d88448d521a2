"""What marketing shows to its callers: alphabets, assets and frozen answers. Quota is in milli-credits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

POINTS = "points"


def chances_asset(activity_id: UUID) -> str:
    """The ledger asset that counts one activity's draw chances."""
    return f"chances:{activity_id}"


class ActivityState(TextChoices):
    DRAFT = "draft", _("Draft")
    LIVE = "live", _("Live")
    PAUSED = "paused", _("Paused")
    ENDED = "ended", _("Ended")


class OddsState(TextChoices):
    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    RETIRED = "retired", _("Retired")


class PrizeKind(TextChoices):
    QUOTA = "quota", _("Chat quota")
    POINTS = "points", _("Points")
    NOTHING = "nothing", _("Nothing")


class FallbackReason(TextChoices):
    SOLD_OUT = "sold_out", _("Sold out")


class DeliveryState(TextChoices):
    PENDING = "pending", _("On its way")
    DONE = "done", _("Delivered")


class Behaviour(TextChoices):
    SIGN_IN = "sign_in", _("Sign-in")
    PAYMENT = "payment", _("Payment")
    REGISTER = "register", _("Registration")


class ItemKind(TextChoices):
    CHANCES = "chances", _("Draw chances")
    QUOTA = "quota", _("Chat quota")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How often one member may draw in an activity; None is no limit."""

    total: int | None = None
    day: int | None = None
    month: int | None = None


@dataclass(frozen=True, kw_only=True)
class ActivityDetail:
    id: UUID
    code: str
    title: str
    subtitle: str
    state: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    limits: Limits
    odds_version_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class PrizeDraft:
    """One prize as an operator writes it: amount in milli-credits or points, weight a positive integer."""

    position: int
    title: str
    kind: str
    weight: int
    amount: int = 0
    is_fallback: bool = False
    stock_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class PrizeSpec:
    """One prize of a stored odds version."""

    id: UUID
    position: int
    title: str
    kind: str
    amount: int
    weight: int
    is_fallback: bool
    stock_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class PublishedOdds:
    """Immutable published content: prizes by position, cumulative weights, and the text that was hashed."""

    version_id: UUID
    activity_id: UUID
    number: int
    declared_total: int
    prizes: tuple[PrizeSpec, ...]
    bounds: tuple[int, ...]
    fallback: PrizeSpec
    content: str
    content_hash: str
    published_at: datetime


@dataclass(frozen=True, kw_only=True)
class OddsLine:
    """One line of the published table: percent is a text, the rolls first..last (both included) win."""

    id: UUID
    position: int
    title: str
    kind: str
    amount: int
    weight: int
    percent: str
    is_fallback: bool
    is_limited: bool
    first_roll: int
    last_roll: int


@dataclass(frozen=True, kw_only=True)
class OddsDetail:
    id: UUID
    activity_id: UUID
    number: int
    state: str
    declared_total: int
    content_hash: str


@dataclass(frozen=True, kw_only=True)
class StockDetail:
    id: UUID
    activity_id: UUID
    code: str
    total: int
    issued: int


@dataclass(frozen=True, kw_only=True)
class PrizeOnShow:
    """A prize as the nine-grid shows it; stock_left is None when the prize is not limited."""

    id: UUID
    position: int
    title: str
    kind: str
    amount: int
    stock_left: int | None


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What anybody needs to recompute one roll. Seeds are hexadecimal."""

    version_id: UUID
    server_seed: str
    server_seed_hash: str
    client_seed: str
    nonce: int
    roll: int
    declared_total: int


@dataclass(frozen=True, kw_only=True)
class DrawResult:
    id: UUID
    activity_id: UUID
    prize_id: UUID
    title: str
    kind: str
    amount: int
    position: int
    rolled_prize_id: UUID
    fallback_reason: str
    delivery_state: str
    proof: Proof
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class DrawReceipt:
    """One draw request's results, in order; the next seed's hash is the promise for the next request."""

    draws: tuple[DrawResult, ...]
    next_seed_hash: str


@dataclass(frozen=True, kw_only=True)
class ActivityAccount:
    """One member in one activity. left_* count draws, bounded by chances and limits."""

    activity_id: UUID
    points: int
    quota_milli: int
    chances: int
    left_today: int
    left_month: int
    limits: Limits
    used_total: int
    used_day: int
    used_month: int
    signed_in_today: bool
    next_seed_hash: str
    nonce: int


@dataclass(frozen=True, kw_only=True)
class Winner:
    """A recent win for the public feed; the member's name is masked."""

    member: str
    title: str
    won_at: datetime


@dataclass(frozen=True, kw_only=True)
class Balances:
    """The three numbers of the header."""

    quota_milli: int
    free_left: int
    points: int
    chances: int
    activity_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class Reward:
    """What one behaviour gives by all active rules: points, and chances by activity."""

    points: int = 0
    chances: Mapping[UUID, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SignInReceipt:
    """Today's sign-in; points and chances arrive by event within seconds."""

    local_day: date
    streak: int
    points: int
    chances: int


@dataclass(frozen=True, kw_only=True)
class SignInMonth:
    """A calendar month of sign-ins; streak is the run that is still alive today."""

    month: str
    days: tuple[date, ...]
    today: date
    signed_in_today: bool
    streak: int


@dataclass(frozen=True, kw_only=True)
class SignInWeek:
    """The seven days that end today, oldest first, and what signing in gives now."""

    days: tuple[tuple[date, bool], ...]
    signed_in_today: bool
    streak: int
    points: int
    chances: int


@dataclass(frozen=True, kw_only=True)
class RebateRuleDetail:
    id: UUID
    code: str
    behaviour: str
    version: int


@dataclass(frozen=True, kw_only=True)
class ExchangeOffer:
    """One thing that points buy, as one member sees it; None is unlimited."""

    id: UUID
    code: str
    title: str
    kind: str
    amount: int
    price_points: int
    activity_id: UUID | None
    stock_left: int | None
    left_for_member: int | None


@dataclass(frozen=True, kw_only=True)
class ExchangeReceipt:
    id: UUID
    item_id: UUID
    title: str
    kind: str
    amount: int
    quantity: int
    points_paid: int
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Counters:
    """A member's draws in one activity, with the local day and month that the last two count."""

    total: int
    day: int
    day_on: date
    month: int
    month_on: date
