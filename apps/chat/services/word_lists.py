"""Operators' words: saved as lists, made into this process's lexicon, and what of them was found where."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import Sum, Value
from django.db.models.functions import Concat

from apps.chat import errors
from apps.chat.contracts import ListedWords, TextDirection, Turn, WordAction, WordsFound
from apps.chat.gateways.lexicon_builder import build_lexicon
from apps.chat.models import WordHit, WordList, WordSheet
from apps.chat.rules.word_lists import MAX_WORDS_OF_ALL, digest_of, runs_of, text_of_run
from apps.chat.words.gate import Sifted, sift
from apps.chat.words.lexicon import EMPTY, Lexicon, Source
from apps.kernel import configuration
from apps.kernel.db import insert, one_at_a_time
from apps.kernel.fresh import FreshTexts
from apps.kernel.ids import UserId, new_id

logger = logging.getLogger(__name__)

# "mask <digest> <digest>": all that makes a lexicon another one.
_lists = FreshTexts(
    "word lists",
    lambda: WordList.objects.filter(is_enabled=True),
    key="code",
    text=Concat("action", Value(" "), "words_digest", Value(" "), "allowed_digest"),
)


class _Present:
    """This process's lexicon, and of which lists it was made; None before the first."""

    lexicon: Lexicon = EMPTY
    said: Mapping[str, str] | None = None
    # For whoever makes one: milliseconds, or about a second where there are many words.
    lock = threading.Lock()


def save_word_list(
    *,
    code: str,
    name: str,
    action: WordAction,
    listed: ListedWords,
    actor: str,
    reason: str,
    now: datetime,
    is_enabled: bool = True,
) -> None:
    """Create or change the list of this code; every process goes by it within two seconds.

    The trail says the digests of the words; the words stay, so that it can be told what they were.
    Raises TooManyWords, ReasonMissing.
    """
    with transaction.atomic():
        one_at_a_time("chat.save_word_list")
        others = WordList.objects.exclude(code=code).aggregate(all=Sum("word_count") + Sum("allowed_count"))["all"] or 0
        if others + len(listed.words) + len(listed.allowed) > MAX_WORDS_OF_ALL:
            raise errors.TooManyWords(limit=MAX_WORDS_OF_ALL)
        values = {
            "name": name,
            "action": action.value,
            "is_enabled": is_enabled,
            "words_digest": _sheet_of(listed.words),
            "allowed_digest": _sheet_of(listed.allowed),
            "word_count": len(listed.words),
            "allowed_count": len(listed.allowed),
        }
        configuration.save(WordList, key={"code": code}, values=values, actor=actor, reason=reason, now=now)
    _lists.forget()


def listed_words(*, code: str) -> ListedWords:
    """What is on the list of this code; nothing on one that does not exist."""
    row = WordList.objects.filter(code=code).first()
    if row is None:
        return ListedWords()
    sheets = _sheets({row.words_digest, row.allowed_digest})
    return ListedWords(words=tuple(sheets[row.words_digest]), allowed=tuple(sheets[row.allowed_digest]))


def lexicon() -> Lexicon:
    """All words in force, as the lists were a second ago at most.

    Who asks after they have changed waits until this process has its new one: nobody is let through by words that are
    known to be old. That may take seconds where there are many, and is not for an event loop.
    """
    while (said := _lists.get()) != _Present.said:
        with _Present.lock:
            # Somebody else may have made it meanwhile, or of lists that have changed again.
            if said == _lists.get() != _Present.said:
                _Present.lexicon, _Present.said = build_lexicon(_words_of(said)), said
    return _Present.lexicon


def sifting(turns: Iterable[Turn], *, beside: str = "") -> Callable[[str], Sifted]:
    """What the words make of a text. Those of these turns, and those beside them, are looked through here, before any
    transaction begins.
    """
    present = lexicon()
    known = {text: sift(text, present) for text in (*map(text_of_run, runs_of(turns)), beside)}
    return lambda text: known.get(text) or sift(text, present)


def record_found(
    *,
    found: Iterable[WordsFound],
    direction: TextDirection,
    user_id: UserId,
    now: datetime,
    generation_id: UUID | None = None,
) -> None:
    """Write down what was found; a statement if there is something."""
    rows = [
        WordHit(
            id=new_id(),
            found_by=one.found_by,
            action=one.action,
            direction=direction,
            times=one.times,
            user_id=user_id,
            generation_id=generation_id,
            created_at=now,
        )
        for one in found
    ]
    if rows:
        insert(rows)


def record_refused(refusal: errors.WordsRefused, *, user_id: UserId, now: datetime) -> None:
    """Write down what was found in a question that was refused; that it was is what its reader has to hear first."""
    try:
        record_found(found=refusal.found, direction=TextDirection.QUESTION, user_id=user_id, now=now)
    except DatabaseError:
        logger.exception("words of a refused question are not recorded")


def _words_of(said: Mapping[str, str]) -> dict[Source, list[str]]:
    """The words of each list, by what happens to them."""
    lists = {code: text.split(" ") for code, text in said.items()}
    sheets = _sheets({digest for _, *digests in lists.values() for digest in digests})
    words = {}
    for code, (action, listed, allowed) in lists.items():
        words[Source(code, WordAction(action))] = sheets[listed]
        words[Source(code, None)] = sheets[allowed]
    return words


def _sheets(digests: set[str]) -> dict[str, list[str]]:
    rows = WordSheet.objects.filter(digest__in=digests).values_list("digest", "words")
    return {digest: words.split("\n") if words else [] for digest, words in rows}


def _sheet_of(words: tuple[str, ...]) -> str:
    """The digest of these words, whose sheet is there then."""
    text = "\n".join(words)
    digest = digest_of(text)
    # Operators take turns, so that nobody else writes it meanwhile.
    if not WordSheet.objects.filter(digest=digest).exists():
        insert([WordSheet(digest=digest, words=text)])
    return digest
