"""What a conversation is called: by its first message, or by its member."""

from apps.chat import errors
from apps.kernel.graphemes import cut

MAX_TITLE = 80
_TITLE_FROM_TEXT = 30


def title_from(text: str) -> str:
    """A conversation's first title: the beginning of its first message, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _TITLE_FROM_TEXT else f"{cut(line, _TITLE_FROM_TEXT)}…"


def check_title(title: str) -> str:
    """The title without surrounding space. Raises TitleNotValid."""
    title = title.strip()
    if not 1 <= len(title) <= MAX_TITLE or not title.isprintable():
        raise errors.TitleNotValid
    return title
