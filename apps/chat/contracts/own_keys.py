"""What members are told of their own keys of providers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class OwnKeyPlace:
    """A kind of channel for which a member may have an own key: which models it asks, and where.

    `may_move`: the address may be the member's; it has to be where `base_url`, the kind's own, is "".
    """

    kind: str
    label: Any
    models: tuple[str, ...]
    base_url: str
    may_move: bool


@dataclass(frozen=True, kw_only=True)
class OwnKeyState:
    """How a member's own key of a kind stands; never the key. `base_url` is the member's own, else "".

    `test_code` is our code for what its last test showed, "" for an answer; without `tested_at` there was none.
    """

    place: OwnKeyPlace
    is_entered: bool = False
    is_enabled: bool = False
    hint: str = ""
    base_url: str = ""
    updated_at: datetime | None = None
    tested_at: datetime | None = None
    test_code: str = ""
