"""Refusals about lists of words."""

from apps.chat.contracts import WordsFound
from apps.kernel.errors import DomainError, _


class WordsRefused(DomainError):
    """A question with words of a list that refuses; which, nobody is told. `found` is what was found of all lists."""

    code = "words_refused"
    title = _("This message has words that cannot be sent here. Nothing was charged.")

    def __init__(self, *, found: tuple[WordsFound, ...] = ()) -> None:
        super().__init__()
        self.found = found


class WordsNotValid(DomainError):
    """Lines that are no words, of a list or a file; `lines` are the numbers of the first ones, in the context."""

    code = "words_not_valid"
    title = _("Some lines are no words that can be found.")


class WordFileNotValid(DomainError):
    """A file that is no UTF-8 text, or too big."""

    code = "word_file_not_valid"
    title = _("The file has to be UTF-8 text of at most 2 MB: a word on each line, or CSV.")


class TooManyWords(DomainError):
    """More words than lists may have; `limit`, of one list or of all, is in the context."""

    code = "too_many_words"
    title = _("There are more words than the lists may hold.")
