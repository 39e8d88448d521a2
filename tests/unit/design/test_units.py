"""How pages write amounts and days."""

from datetime import date

import pytest
from django.utils import translation

from apps.kernel.templatetags.units import credit_number, weekday, yuan


@pytest.mark.parametrize(
    ("fen", "shown"), [(0, "0.00"), (5, "0.05"), (990, "9.90"), (123_456, "1,234.56"), (-990, "-9.90")]
)
def test_fen_are_written_as_yuan_with_two_decimals(fen: int, shown: str) -> None:
    assert yuan(fen) == shown


@pytest.mark.parametrize(
    ("milli", "shown"),
    [(0, "0"), (1000, "1"), (12_500, "12.5"), (1, "0.001"), (1_234_567, "1,234.567"), (-1500, "-1.5")],
)
def test_milli_credits_are_written_without_trailing_zeros(milli: int, shown: str) -> None:
    assert credit_number(milli) == shown


def test_weekdays_are_short_in_english() -> None:
    with translation.override("en"):
        assert [weekday(date(2026, 11, day)) for day in range(16, 23)] == ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]
