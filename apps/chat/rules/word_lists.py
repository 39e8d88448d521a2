"""What a list of words may be, as text and as a file; and the rule that looks for words in questions."""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from apps.chat import errors
from apps.chat.contracts import ImagePart, ListedWords, TextPart, ToolCall, Turn
from apps.chat.rules.chain import Question, Rule
from apps.chat.words.building import LONGEST_WORD
from apps.chat.words.lexicon import MASK
from apps.chat.words.signs import Letters
from apps.kernel.errors import _

MAX_WORDS = 100_000
MAX_WORDS_OF_ALL = 200_000
# What a request may be (Django's limit) less what else a form sends.
MAX_FILE_BYTES = 2_000_000
_MAX_SIGNS = 200
_LINES_TOLD = 5
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_HEADER = ("word", "use")
_USES = {"": True, "word": True, "allowed": False}


def read_words(text: str) -> tuple[str, ...]:
    """The words of a text that has one on each line, each once. Raises WordsNotValid, TooManyWords."""
    return _words(enumerate(text.splitlines(), start=1))


def read_word_file(name: str, content: bytes) -> ListedWords:
    """The words of a file: CSV if its name says so, with "word" or "allowed" in a second column, else a word a line.

    Raises WordFileNotValid, WordsNotValid, TooManyWords.
    """
    if len(content) > MAX_FILE_BYTES:
        raise errors.WordFileNotValid
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise errors.WordFileNotValid from None
    if not name.lower().endswith(".csv"):
        return ListedWords(words=read_words(text))
    words, allowed, unknown = _rows(text)
    if unknown:
        raise _not_valid(unknown)
    return ListedWords(words=_words(words), allowed=_words(allowed))


def word_file(listed: ListedWords, *, is_csv: bool) -> str:
    """A list as a file that read_word_file() takes; as plain text without what is allowed."""
    if not is_csv:
        return "".join(f"{word}\n" for word in listed.words)
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(_HEADER)
    rows.writerows((word, "word") for word in listed.words)
    rows.writerows((word, "allowed") for word in listed.allowed)
    return file.getvalue()


def digest_of(text: str) -> str:
    """What names a sheet of words."""
    return hashlib.sha256(text.encode()).hexdigest()


def _rows(text: str) -> tuple[list[tuple[int, str]], list[tuple[int, str]], list[int]]:
    """The numbered words of CSV, those that are allowed, and the lines that are neither."""
    words: list[tuple[int, str]] = []
    allowed: list[tuple[int, str]] = []
    unknown: list[int] = []
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        for row in reader:
            word, use, *more = [*(cell.strip() for cell in row), "", ""]
            if reader.line_num == 1 and (word, use) == _HEADER:
                continue
            if any(more) or use not in _USES:
                unknown.append(reader.line_num)
            else:
                (words if _USES[use] else allowed).append((reader.line_num, word))
    except csv.Error:
        unknown.append(reader.line_num)
    return words, allowed, unknown


def _words(lines: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    letters = Letters()
    words: dict[str, None] = {}
    wrong = []
    for number, line in lines:
        if not (word := line.strip()):
            continue
        is_long = len(word) > _MAX_SIGNS
        if is_long or _CONTROL.search(word) or not 0 < len(word.translate(letters)) <= LONGEST_WORD:
            wrong.append(number)
        words[word] = None
    if wrong:
        raise _not_valid(wrong)
    if len(words) > MAX_WORDS:
        raise errors.TooManyWords(limit=MAX_WORDS)
    return tuple(words)


def _not_valid(lines: Sequence[int]) -> errors.WordsNotValid:
    told = ", ".join(str(number) for number in lines[:_LINES_TOLD])
    return errors.WordsNotValid(lines=f"{told} …" if len(lines) > _LINES_TOLD else told)


class SensitiveWords(Rule):
    """Operators' words in what is asked: refused, masked for whoever comes later, or only recorded."""

    code = "sensitive-words"
    label = _("Sensitive words")
    purpose = _(
        "Questions with words of the lists are refused, masked or recorded; switched off, they pass as they are."
    )
    refusals = (errors.WordsRefused,)

    def judge(self, question: Question) -> Question:
        """Says what was found, and hands on what may be asked. Raises WordsRefused.

        What stands beside the question is for machines: masked, it would ask for something else, and so it is refused.
        """
        sifted = [(run, question.sift(text_of_run(run))) for run in runs_of(question.turns)]
        beside = question.sift(question.beside)
        every = [*(one for _run, one in sifted), beside]
        found = tuple(found for one in every for found in one.found)
        if any(one.is_rejected for one in every) or beside.text != question.beside:
            raise errors.WordsRefused(found=found)
        turns = tuple(turn for run, one in sifted for turn in _said_again(run, one.text))
        return replace(question, turns=turns, found=found)


def runs_of(turns: Iterable[Turn]) -> list[tuple[Turn, ...]]:
    """What one role says turn after turn: for whoever reads it one text, through which words are looked for."""
    return [tuple(run) for _role, run in groupby(turns, key=lambda turn: turn.role)]


def text_of_run(run: Iterable[Turn]) -> str:
    """That text: a word may be cut between two parts, or two turns, as anywhere else."""
    return "\n".join(turn.text for turn in run)


def _said_again(run: Iterable[Turn], text: str) -> Iterator[Turn]:
    """The same turns with what was made of their text, in which every sign has its place still."""
    at = 0
    for turn in run:
        parts: list[TextPart | ImagePart | ToolCall] = []
        ends_at = at + len(turn.text) + 1
        for part in turn.parts:
            if not isinstance(part, TextPart):
                parts.append(part)
                continue
            parts.append(replace(part, text=text[at : at + len(part.text)]))
            at += len(part.text) + 1
        at = ends_at
        yield Turn(role=turn.role, parts=tuple(parts))


def is_same_question(kept: str, asked: str) -> bool:
    """Whether what was kept of a question is this one, as the lists of words left it then."""
    return len(kept) == len(asked) and all(old in {new, MASK} for old, new in zip(kept, asked, strict=True))
