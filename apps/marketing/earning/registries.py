"""The behaviours that rules reward (behaviours.py): each is one class, registered in apps.py (docs/how-to/)."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from apps.kernel.registries import Registry


@dataclass(frozen=True, kw_only=True)
class Deed:
    """Something that a member did, when it was rewarded, and the behaviour keys that may name it."""

    behaviour: str
    keys: tuple[str, ...]
    at: datetime
    amount_fen: int = 0


class Behaviour(ABC):
    """Something that members do and rules reward, once per rule and behaviour key ("order:1f…")."""

    code: ClassVar[str]
    # For operators.
    label: ClassVar[Any]
    # In a member's history, where it gave something.
    word: ClassVar[Any]
    # The first words of its keys; what they were once called, too.
    key_words: ClassVar[tuple[str, ...]]
    # For the audit: SQL of all that was done, with the columns name (the key) and member.
    done_sql: ClassVar[str]

    @abstractmethod
    def deeds(self, since: datetime | None) -> Iterator[Deed]:
        """What was done and rewarded since then, or ever (None), for the audit."""

    def amounts_fen(self, keys: Collection[str]) -> Mapping[str, int]:
        """What was paid for each of these keys, in fen; a key of nothing that was done may be left out."""
        return dict.fromkeys(keys, 0)


BEHAVIOURS: Registry[Behaviour] = Registry("behaviour")


def behaviour_of(key: str) -> Behaviour | None:
    """What a rebate's key says was done."""
    word = key.partition(":")[0]
    return next((behaviour for behaviour in BEHAVIOURS if word in behaviour.key_words), None)
