"""Days begin at midnight of a time zone, not of UTC."""

from datetime import UTC, date, datetime

from apps.kernel import clock


def test_a_local_day_begins_before_utc_midnight_east_of_greenwich() -> None:
    late_in_utc = datetime(2026, 10, 31, 16, 0, tzinfo=UTC)

    assert clock.local_date(late_in_utc, "Asia/Shanghai") == date(2026, 11, 1)
    assert clock.local_date(late_in_utc, "UTC") == date(2026, 10, 31)


def test_midnight_is_the_first_moment_of_the_day() -> None:
    midnight = clock.local_midnight(date(2026, 11, 1), "Asia/Shanghai")

    assert midnight == datetime(2026, 10, 31, 16, 0, tzinfo=UTC)
    assert clock.local_date(midnight, "Asia/Shanghai") == date(2026, 11, 1)


def test_a_day_of_a_clock_change_is_shorter() -> None:
    start, end = (clock.local_midnight(date(2026, 3, day), "Europe/Berlin") for day in (29, 30))

    assert (end - start).total_seconds() == 23 * 3600


def test_now_is_aware() -> None:
    assert clock.now().tzinfo is UTC
