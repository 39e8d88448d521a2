"""The list of what must never be false, in docs/algorithms/audit.md, is the list of what is checked."""

import re
from pathlib import Path

from apps.kernel.invariants import all_invariants

LIST = Path(__file__).parents[2] / "docs" / "algorithms" / "audit.md"


def the_list() -> tuple[list[str], dict[str, str]]:
    """Numbers that are said to be checked, and those that are not, with what holds instead."""
    _, _, rest = LIST.read_text(encoding="utf-8").partition("\n## The numbers\n")
    section, _, _ = rest.partition("\n## ")
    checked, _, table = section.partition("| Not checked |")
    reasons = re.findall(r"^\| (I-\d\d) \|[^|]+\|([^|]*)\|$", table, re.MULTILINE)
    return re.findall(r"I-\d\d", checked), dict(reasons)


def registered() -> set[str]:
    """The numbers of the checks, "I-34-parked" being one of I-34's."""
    return {item.number[:4] for item in all_invariants() if item.check.__module__.startswith("apps.")}


def test_every_number_has_a_check_or_a_reason() -> None:
    checked, reasons = the_list()

    assert set(checked) - registered() == set()
    assert [number for number, reason in reasons.items() if not reason.strip()] == []


def test_every_check_is_on_the_list_once() -> None:
    checked, reasons = the_list()

    assert checked == sorted(registered())
    assert set(reasons) & set(checked) == set()
