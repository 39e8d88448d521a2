"""The rates of a price of images as operators enter them: a table with a row for each, and a few empty ones."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.chat.contracts import ImageQuality, ImageSize, PerSize
from apps.kernel.templatetags.units import credit_number

_CELLS = ("size", "quality", "milli")
_EMPTY_ROWS = 3
# As many as there are sizes in every quality, and in any.
_MOST_ROWS = len(ImageSize) * (len(ImageQuality) + 1)
_MOST_MILLI = 2**31 - 1

Row = tuple[str, str, str]


class RatesTable(forms.Widget):
    """A table of selects and numbers; what it hands on is a list of rows, as they were typed."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Row]:
        """The rows that say anything, in their order."""
        rows = []
        for at in range(_MOST_ROWS + _EMPTY_ROWS):
            size, quality, milli = (str(data.get(f"{name}-{at}-{cell}", "")).strip() for cell in _CELLS)
            if size or quality or milli:
                rows.append((size, quality, milli))
        return rows

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        """Never: a form without any of it has no rates."""
        return False

    def format_value(self, value: Any) -> list[Row]:
        """Rows of what was typed, or of the rates that are."""
        return _as_typed(value)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """The table."""
        rows = [*self.format_value(value), *[("", "", "")] * _EMPTY_ROWS]
        return format_html(
            '<table class="rates"><thead><tr><th scope="col">{}</th><th scope="col">{}</th><th scope="col">{}</th></tr>'
            "</thead><tbody>{}</tbody></table>",
            *_heads(),
            format_html_join("", "{}", ((_row(name, at, row),) for at, row in enumerate(rows))),
        )

    def id_for_label(self, id_: str) -> str:
        """The first box: the label stands for the whole table."""
        return f"{id_}-0-size"


class RatesField(forms.Field):
    """The rates of a price of images, as the rules want them. Each fault is named with its row."""

    widget = RatesTable

    def to_python(self, value: Any) -> tuple[PerSize, ...]:
        """The rates, in the order in which they were entered. Raises ValidationError."""
        return tuple(_rate(row, at) for at, row in enumerate(value or (), start=1))

    def validate(self, value: Any) -> None:
        """No two of one size and quality. Raises ValidationError."""
        seen: dict[tuple[str, str], int] = {}
        for at, rate in enumerate(value, start=1):
            first = seen.setdefault((rate.size, rate.quality), at)
            if first != at:
                raise forms.ValidationError(
                    _("Row %(row)s says the same size and quality as row %(first)s.") % {"row": at, "first": first}
                )

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the table says other rates than those that are."""
        return bool(_as_typed(initial) != data)


def rates_in_words(rates: Sequence[PerSize]) -> str:
    """Rates for a line of a list; empty where there are none."""
    return "".join(f"; {_in_words(rate)}" for rate in rates)


def _as_typed(value: Any) -> list[Row]:
    return [(row.size, row.quality, str(row.milli)) if isinstance(row, PerSize) else row for row in value or ()]


def _in_words(rate: PerSize) -> str:
    return f"{rate.size} {rate.quality_title}".strip() + f": {credit_number(rate.milli)}"


def _rate(row: Row, at: int) -> PerSize:
    size, quality, milli = row
    if size not in ImageSize.values:
        raise forms.ValidationError(_("Row %(row)s: choose a size.") % {"row": at})
    if quality and quality not in ImageQuality.values:
        raise forms.ValidationError(_("Row %(row)s: choose a quality, or none.") % {"row": at})
    # Digits of ours alone: int() takes more.
    if not (milli.isascii() and milli.isdigit() and len(milli) <= len(str(_MOST_MILLI)) and int(milli) > 0):
        raise forms.ValidationError(
            _("Row %(row)s: an image costs something, in thousandths of a credit.") % {"row": at}
        )
    return PerSize(size=size, quality=quality, milli=int(milli))


def _heads() -> tuple[str, str, str]:
    return _("Size"), _("Quality"), _("an image (thousandths of a credit)")


def _row(name: str, at: int, row: Row) -> SafeString:
    (size, quality, milli), (size_head, quality_head, milli_head) = row, _heads()
    label = _("Row %(row)s: %(what)s")
    sizes: list[tuple[str, Any]] = [("", "–"), *ImageSize.choices]
    qualities: list[tuple[str, Any]] = [("", _("any")), *ImageQuality.choices]
    named = {cell: f"{name}-{at}-{cell}" for cell in _CELLS}
    said = {
        cell: {"id": f"id_{named[cell]}", "aria-label": label % {"row": at + 1, "what": head}}
        for cell, head in (("size", size_head), ("quality", quality_head), ("milli", milli_head))
    }
    return format_html(
        "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
        forms.Select(choices=sizes).render(named["size"], size, said["size"]),
        forms.Select(choices=qualities).render(named["quality"], quality, said["quality"]),
        forms.NumberInput(attrs={"min": 1, "max": _MOST_MILLI}).render(named["milli"], milli, said["milli"]),
    )
