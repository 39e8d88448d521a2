"""Copies of what operators set: from memory for a second, never for longer, and read anew on demand."""

from itertools import count

import pytest

from apps.kernel import fresh
from apps.kernel.fresh import Fresh


@pytest.fixture
def copy(monkeypatch: pytest.MonkeyPatch) -> Fresh[int]:
    """A copy that says how often it was read, at an hour that stands still."""
    monkeypatch.setattr(fresh, "_all", [])
    monkeypatch.setattr(fresh, "monotonic", lambda: 1000.0)
    return Fresh(count(1).__next__)


def test_it_is_read_when_it_is_asked_for_and_not_again_within_a_second(
    copy: Fresh[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [copy.get(), copy.get()] == [1, 1]

    monkeypatch.setattr(fresh, "monotonic", lambda: 1001.0)
    assert copy.get() == 1


def test_it_is_never_two_seconds_old(copy: Fresh[int], monkeypatch: pytest.MonkeyPatch) -> None:
    copy.get()

    monkeypatch.setattr(fresh, "monotonic", lambda: 1001.9)

    assert copy.get() == 2


def test_who_changed_it_sees_the_change_at_once(copy: Fresh[int]) -> None:
    copy.get()

    copy.forget()

    assert [copy.get(), copy.get()] == [2, 2]


def test_all_are_read_anew_together(copy: Fresh[int]) -> None:
    another = Fresh(count(10).__next__)
    assert (copy.get(), another.get()) == (1, 10)

    fresh.forget_all()

    assert (copy.get(), another.get()) == (2, 11)


def test_what_was_read_before_a_change_is_not_kept_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fresh, "_all", [])
    reads = count(1)

    def read() -> int:
        number = next(reads)
        if number == 1:
            fresh.forget_all()  # as another thread does that changes it meanwhile
        return number

    copied = Fresh(read)

    assert [copied.get(), copied.get(), copied.get()] == [1, 2, 2]
