"""Every sentence on a page about money or state is true: promises.txt names the tests that make it so.

A sentence that is new or changed fails here until somebody has thought about its truth.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import translations
from tests.architecture.test_refusals import ALL

ROOT = Path(__file__).parents[2]
# The sandbox is a toy phone, and what only operators read is theirs to judge.
NOT_FOR_MEMBERS = {"sandbox", "admin", "models", "apps", "migrations"}
A_SENTENCE = re.compile(r"[.!?…:]$")
SAYS_SOMETHING = re.compile(
    r"balance|charge|cost|credited|kept|lost|erase|undone|\bfree\b|nothing (was|happened)|nobody was"
    r"|no chance|second chance|second one|the chance is|odds|draw can|signed out|works once|gave|delivered|your points"
    r"|expire|ordered|been added|money|payment|no longer works|is yours|points spent|into quota|fallback"
    r"|start again|\btokens\b|\benough\b|any more|never a|half done|not closed|revoked key",
    re.IGNORECASE,
)
# A refusal's title says why not; it promises something where it goes on about what stays as it was.
PROMISES_MORE = re.compile(r"nothing was|kept|not closed|are delivered", re.IGNORECASE)


def proofs() -> dict[str, list[str]]:
    """Sentence → the tests that make it true."""
    found: dict[str, list[str]] = {}
    for line in (Path(__file__).parent / "promises.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            found[next(reversed(found))].append(line.strip())
        else:
            found[line] = []
    return found


PROVEN_BY = proofs()


def texts() -> Iterator[tuple[str, str]]:
    """(sentence, where) of everything that members read, as translators know it; refusals are looked at as classes."""
    for file in [*sorted((ROOT / "templates").rglob("*.html")), *sorted((ROOT / "apps").rglob("*.py"))]:
        where = file.relative_to(ROOT)
        if not {"errors", *NOT_FOR_MEMBERS} & {*where.parts[1:], file.stem}:
            for _, text, _ in translations.texts(file):
                yield " ".join((text if isinstance(text, str) else text[0]).split()), str(where)


def sentences() -> dict[str, str]:
    """Each sentence about money or state, with one place that says it."""
    said = {words: where for words, where in texts() if A_SENTENCE.search(words) and SAYS_SOMETHING.search(words)}
    return said | {refusal.title: refusal.__module__ for refusal in ALL if PROMISES_MORE.search(refusal.title)}


def test_every_sentence_about_money_or_state_has_a_proof() -> None:
    assert {words: file for words, file in sentences().items() if words not in PROVEN_BY} == {}


def test_no_proof_is_kept_for_a_sentence_that_nobody_says() -> None:
    assert sorted(set(PROVEN_BY) - set(sentences())) == []


def test_pages_only_read() -> None:
    """What a refused page says of changes is true because pages make none: the API does."""
    views = [file for file in sorted((ROOT / "apps").rglob("views.py")) if file.parent.name not in {"api", "sandbox"}]
    allowed = re.findall(
        r"@(require_POST|require_http_methods\(.*?\))\ndef (\w+)",
        "".join(file.read_text(encoding="utf-8") for file in views),
    )

    # For WeChat and other providers: no member ever sees what they answer.
    assert allowed == [
        ('require_http_methods(["GET", "POST"])', "wechat_callback"),
        ("require_POST", "payment_notice"),
    ]


@pytest.mark.parametrize("words", PROVEN_BY)
def test_the_named_proofs_exist(words: str) -> None:
    tests = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))

    assert [name for name in PROVEN_BY[words] if f"def {name}(" not in tests] == []
