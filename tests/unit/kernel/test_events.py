"""An event survives its journey through JSON."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

from apps.kernel.events import Event
from apps.kernel.ids import UserId, new_id


@dataclass(frozen=True, kw_only=True)
class KettleBoiled(Event):
    topic: ClassVar[str] = "tests.kettle_boiled"
    kettle: UUID
    by: UserId
    cups: int
    strong: bool
    note: str = ""
    poured_at: datetime | None = None
    tray: UUID | None = None


EVENT = KettleBoiled(
    occurred_at=datetime(2026, 11, 1, 12, 0, tzinfo=UTC),
    kettle=new_id(),
    by=UserId(new_id()),
    cups=2,
    strong=True,
    note="2026-11-01 is only text here",
    poured_at=datetime(2026, 11, 1, 12, 5, tzinfo=UTC),
)


def test_every_field_comes_back_as_it_was() -> None:
    travelled = json.loads(json.dumps(EVENT.as_json()))

    assert KettleBoiled.from_json(travelled) == EVENT


def test_a_field_of_a_newer_writer_is_ignored_and_an_older_writers_gap_takes_the_default() -> None:
    payload = EVENT.as_json() | {"sugar": 1}
    del payload["note"]

    assert KettleBoiled.from_json(payload).note == ""


def test_ids_sort_by_the_time_at_which_they_were_made() -> None:
    ids = [new_id() for _ in range(200)]

    assert ids == sorted(ids)
    assert {made.version for made in ids} == {7}
