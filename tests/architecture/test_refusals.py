"""Every refusal is one that programs can tell apart and people can read."""

from collections.abc import Iterator

import pytest
from django.utils import translation

from apps.kernel.errors import DomainError, ErrorKind

_STATUSES = {kind.value for kind in ErrorKind}


def refusals(of: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    """All refusals of the product; not those that tests make up."""
    for refusal in of.__subclasses__():
        if refusal.__module__.startswith("apps."):
            yield refusal
            yield from refusals(refusal)


ALL = sorted(set(refusals()), key=lambda refusal: (refusal.__module__, refusal.__name__))
by_name = pytest.mark.parametrize("refusal", ALL, ids=lambda refusal: f"{refusal.__module__}.{refusal.__name__}")


@by_name
def test_a_refusal_has_a_code_and_a_status_of_its_own(refusal: type[DomainError]) -> None:
    assert refusal.code != DomainError.code
    assert refusal.code.isidentifier()
    assert refusal.code == refusal.code.lower()
    assert refusal.kind.value in _STATUSES


@by_name
def test_a_refusal_reads_well_in_english_and_in_chinese(refusal: type[DomainError]) -> None:
    with translation.override("en"):
        assert translation.gettext(refusal.title) == refusal.title
    with translation.override("zh-hans"):
        chinese = translation.gettext(refusal.title)

    assert refusal.title.endswith(".")
    assert chinese.endswith("。"), f"not translated: {refusal.title}"


def test_a_code_means_one_thing() -> None:
    """Two apps may refuse for the same reason; then they say it in the same words."""
    meanings: dict[str, set[tuple[ErrorKind, str]]] = {}
    for refusal in ALL:
        meanings.setdefault(refusal.code, set()).add((refusal.kind, refusal.title))

    assert {code: meant for code, meant in meanings.items() if len(meant) > 1} == {}
