"""Odds tables: what can be published, the text that is published, and the share of each prize."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Protocol
from uuid import UUID

from apps.marketing.odds import errors
from apps.marketing.odds.contracts import OddsLine, OddsState, PrizeSpec, PublishedOdds
from apps.marketing.prizes.contracts import NOTHING
from apps.marketing.prizes.registries import PRIZES

POSITIONS = range(8)
MAX_TOTAL = 1_000_000_000
# Of the texts that are published from now on.
TEXT_FORMAT = 2

NEXT_ODDS: Mapping[str, frozenset[str]] = {
    OddsState.DRAFT: frozenset({OddsState.PUBLISHED}),
    OddsState.PUBLISHED: frozenset({OddsState.RETIRED}),
    OddsState.RETIRED: frozenset(),
}


class Weighted(Protocol):
    """What publication looks at in a prize."""

    @property
    def position(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def amount(self) -> int: ...
    @property
    def weight(self) -> int: ...
    @property
    def is_fallback(self) -> bool: ...
    @property
    def stock_id(self) -> UUID | None: ...


@dataclass(frozen=True, kw_only=True)
class OddsDraft:
    """What is to be published; `stocks` are those that the activity owns, by their ids, with what is left of each."""

    prizes: Sequence[Weighted]
    declared_total: int
    stocks: Mapping[UUID, int]


def check_publishable(prizes: Sequence[Weighted], *, declared_total: int, stocks: Mapping[UUID, int]) -> None:
    """Raise the OddsNotPublishable that says what keeps these prizes from being published.

    stocks are those that the activity owns, by their ids, with what is left of each.
    """
    draft = OddsDraft(prizes=prizes, declared_total=declared_total, stocks=stocks)
    for check in PUBLICATION_RULES.values():
        check(draft)


def check_draft(prizes: Sequence[Weighted]) -> None:
    """Refuse what no draft can hold. Raises OddsKindUnknown, OddsPositionRepeated, OddsFallbackAmbiguous."""
    for prize in prizes:
        if prize.kind not in PRIZES:
            raise errors.OddsKindUnknown(position=prize.position)
    if len({prize.position for prize in prizes}) < len(prizes):
        raise errors.OddsPositionRepeated
    if sum(prize.is_fallback for prize in prizes) > 1:
        raise errors.OddsFallbackAmbiguous


def _check_extent(draft: OddsDraft) -> None:
    if not draft.prizes:
        raise errors.OddsWithoutPrizes
    if not 1 <= draft.declared_total <= MAX_TOTAL:
        raise errors.OddsTotalOutOfRange(declared=draft.declared_total)


def _check_prizes(draft: OddsDraft) -> None:
    for prize in draft.prizes:
        if prize.position not in POSITIONS:
            raise errors.OddsPositionOutOfRange(position=prize.position)
        if not PRIZES[prize.kind].accepts(prize.amount):
            raise errors.OddsAmountInvalid(position=prize.position)
        if prize.weight < 1:
            raise errors.OddsWeightNotPositive(position=prize.position)


def _check_stocks(draft: OddsDraft) -> None:
    for prize in draft.prizes:
        if prize.stock_id is not None and prize.stock_id not in draft.stocks:
            raise errors.OddsStockForeign(position=prize.position)
        # Its share of the odds would be a promise that was never meant.
        if prize.stock_id is not None and draft.stocks[prize.stock_id] < 1:
            raise errors.OddsStockEmpty(position=prize.position)


def _check_weights(draft: OddsDraft) -> None:
    actual = sum(prize.weight for prize in draft.prizes)
    if actual != draft.declared_total:
        raise errors.OddsWeightsMismatch(declared=draft.declared_total, actual=actual)


def _check_fallback(draft: OddsDraft) -> None:
    fallbacks = [prize for prize in draft.prizes if prize.is_fallback]
    if not fallbacks:
        raise errors.OddsFallbackMissing
    if fallbacks[0].stock_id is not None:
        raise errors.OddsFallbackLimited(position=fallbacks[0].position)


# What is asked of odds before they are published, in this order; each refuses with an OddsNotPublishable of its own
# (docs/how-to/add-a-rule.md).
PUBLICATION_RULES: dict[str, Callable[[OddsDraft], None]] = {
    "extent": _check_extent,
    "draft": lambda draft: check_draft(draft.prizes),
    "prizes": _check_prizes,
    "stocks": _check_stocks,
    "weights": _check_weights,
    "fallback": _check_fallback,
}


def canonical_content(
    prizes: Iterable[Weighted], *, activity_id: UUID, declared_total: int, text_format: int = TEXT_FORMAT
) -> str:
    """The one text form of odds: JSON, sorted keys, no spaces, prizes by position.

    What was published keeps its text and its format; a new field needs the next format. The first did not name itself.
    """
    return json.dumps(
        {
            **({"format": text_format} if text_format > 1 else {}),
            "activity": str(activity_id),
            "declared_total": declared_total,
            "prizes": [
                {
                    "amount": prize.amount,
                    "fallback": prize.is_fallback,
                    "kind": str(prize.kind),
                    "position": prize.position,
                    "stock": str(prize.stock_id) if prize.stock_id else None,
                    "title": prize.title,
                    "weight": prize.weight,
                }
                for prize in sorted(prizes, key=lambda prize: prize.position)
            ],
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )


def format_of(content: str) -> int:
    """The format of a published text."""
    return int(json.loads(content).get("format", 1))


def content_hash(content: str) -> str:
    """SHA-256 of the published text, hexadecimal."""
    return hashlib.sha256(content.encode()).hexdigest()


def build_table(prizes: Iterable[PrizeSpec]) -> tuple[tuple[PrizeSpec, ...], tuple[int, ...]]:
    """Prizes by position, and for each the first number that is beyond its share of 0..W-1."""
    ordered = tuple(sorted(prizes, key=lambda prize: prize.position))
    return ordered, tuple(accumulate(prize.weight for prize in ordered))


def odds_lines(odds: PublishedOdds) -> list[OddsLine]:
    """Published odds as a table: each prize with its percentage and the rolls that win it."""
    return [
        OddsLine(
            id=prize.id,
            position=prize.position,
            title=prize.title,
            kind=prize.kind,
            amount=prize.amount,
            weight=prize.weight,
            percent=percent(prize.weight, odds.declared_total),
            is_fallback=prize.is_fallback,
            is_limited=prize.stock_id is not None,
            first_roll=bound - prize.weight,
            last_roll=bound - 1,
        )
        for prize, bound in zip(odds.prizes, odds.bounds, strict=True)
    ]


def percent(weight: int, total: int) -> str:
    """A share in percent for people to read, rounded to six decimals; the weight is the exact number."""
    return f"{Decimal(weight * 100) / Decimal(total):.6f}".rstrip("0").rstrip(".")


def is_rare(*, kind: str, weight: int, total: int) -> bool:
    """Whether a win deserves a little more ceremony: a prize that at most one draw in twenty wins."""
    return kind != NOTHING and weight * 20 <= total
