"""The chain of rules that a question passes before anything is paid for it, and in which order (docs/how-to/)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from apps.accounts.contracts import IdentifiedKey, Standing
from apps.chat.contracts import ModelKind, Policy, Turn, WordsFound
from apps.chat.words.gate import Sifted
from apps.kernel.errors import DomainError

# Between the places of two rules as the site was built: operators find room for another between them.
_STEP = 10


@dataclass(frozen=True, kw_only=True)
class RuleSetting:
    """What operators said of a rule of the chain; without a place it stands where the site was built with it."""

    is_on: bool = True
    place: int | None = None


@dataclass(frozen=True, kw_only=True)
class RuleStanding:
    """A rule of the chain as operators see it: its number in the chain, and what it has refused."""

    code: str
    number: int
    is_on: bool
    refused_today: int
    refused: int


_AS_BUILT = RuleSetting()


@dataclass(frozen=True, kw_only=True)
class Lately:
    """When other questions of the last minute came, oldest first; None where nobody counts."""

    of_member: tuple[datetime, ...] | None = None
    # With the same key, if that has a limit of its own.
    of_key: tuple[datetime, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """All that is known of a question before anything is paid for it; each rule hands it on, changed or not."""

    # What is asked; of a conversation the new message, the last turn of all, and before it the questions right above
    # that were not answered: models are asked them together.
    turns: tuple[Turn, ...] = field(repr=False)
    asker: Standing
    key: IdentifiedKey | None
    model: str
    is_model_enabled: bool
    # What it makes, and what the asker wants made.
    model_kind: ModelKind
    is_in_free_allowance: bool
    needs_entitlement: bool
    is_entitled: bool
    policy: Policy
    # What the operators' words make of a text.
    sift: Callable[[str], Sifted] = field(repr=False)
    now: datetime
    # How many answers are asked for at once; each counts as a question of its own.
    answers: int = 1
    wanted: frozenset[ModelKind] = frozenset({ModelKind.TEXT})
    # When the asker's other questions came.
    lately: Lately = Lately()
    # Where it comes from, "" where nobody can know; and which networks are held back.
    address: str = field(default="", repr=False)
    blocked_networks: tuple[str, ...] = ()
    # Whether the asker's own key asks, which pays for it.
    has_own_key: bool = False
    # How many answers of this day may cost the asker nothing; a rule says so.
    free_per_day: int = 0
    # Text that goes with it and cannot be changed: of the format that its answer shall have.
    beside: str = field(default="", repr=False)
    # What was found of the operators' words; a rule says so.
    found: tuple[WordsFound, ...] = ()

    @property
    def text(self) -> str:
        """The words of the question itself."""
        return self.turns[-1].text


class Rule(ABC):
    """One rule of the chain. It decides from the question alone: what it needs to know stands there."""

    code: ClassVar[str]
    # For operators: its name, and what it asks, in English; whoever shows them translates.
    label: ClassVar[str]
    purpose: ClassVar[str]
    # What operators may do with it. One that may not be moved stands behind those that may.
    may_move: ClassVar[bool] = True
    may_switch: ClassVar[bool] = True
    # What it refuses with; each refusal belongs to one rule, which is how refusals are counted.
    refusals: ClassVar[tuple[type[DomainError], ...]]

    @abstractmethod
    def judge(self, question: Question) -> Question:
        """Hand the question on, as it is or with what was decided; else raise one of `refusals`."""


def arranged(rules: Iterable[Rule], settings: Mapping[str, RuleSetting]) -> tuple[Rule, ...]:
    """The rules in the order in which they are asked: by operators' places, then those that nobody moves."""
    built = list(rules)

    def place(rule: Rule) -> tuple[int, int]:
        at = built.index(rule)
        return place_of(settings.get(rule.code, _AS_BUILT), at=at), at

    movable = sorted((rule for rule in built if rule.may_move), key=place)
    return (*movable, *(rule for rule in built if not rule.may_move))


def in_force(rules: Iterable[Rule], settings: Mapping[str, RuleSetting]) -> tuple[Rule, ...]:
    """Those of the arranged rules that are switched on; what a row says of one that cannot be switched is not heard."""
    return tuple(
        rule for rule in arranged(rules, settings) if not rule.may_switch or settings.get(rule.code, _AS_BUILT).is_on
    )


def place_of(setting: RuleSetting, *, at: int) -> int:
    """Where a rule stands: what operators said, else by `at`, its number among the registered ones."""
    return (at + 1) * _STEP if setting.place is None else setting.place


def pass_through(question: Question, chain: Iterable[Rule]) -> Question:
    """What the rules make of a question, each given what the one before handed on; the first that refuses raises."""
    for rule in chain:
        question = rule.judge(question)
    return question


def refused_by(refusal: DomainError, rules: Iterable[Rule]) -> str:
    """The code of the rule whose refusal this is, "" for what is refused beside the chain."""
    return next((rule.code for rule in rules if isinstance(refusal, rule.refusals)), "")
