"""Words that operators list, and where they were found."""

from dataclasses import dataclass
from enum import Enum

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class WordAction(TextChoices):
    """What happens where a word of a list is found: in a question, or in an answer."""

    REJECT = "reject", _("Refuse the text")
    MASK = "mask", _("Mask")
    FLAG = "flag", _("Only record")


class TextDirection(TextChoices):
    """Whose text it is."""

    QUESTION = "question", _("Question")
    ANSWER = "answer", _("Answer")


class Verdict(Enum):
    """What somebody else says of a text."""

    FINE = "fine"
    REFUSE = "refuse"


@dataclass(frozen=True, kw_only=True)
class WordsFound:
    """How often words of one list were found in one text; which they were is not kept."""

    found_by: str
    action: WordAction
    times: int


@dataclass(frozen=True, kw_only=True)
class ListedWords:
    """The words of a list as operators enter them, each once, in their order."""

    words: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
