"""Code blocks: labelled, coloured by classes, and never coloured again as a whole while they are being written."""

import re
from functools import lru_cache
from html import escape

from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_LANGUAGE = re.compile(r"[A-Za-z0-9_+#.-]{1,30}\Z")
# The beginning of a longer block is coloured, its rest is not: some lexers look through all the rest at each character.
_MAX_COLOURED = 20_000
# An unfinished block is coloured in steps of this many characters; what stands after the last step, for itself.
_STEP = 2_000

# The class names are coloured in static/css/prose.css.
_colours = HtmlFormatter(nowrap=True)


def code_html(code: str, info: str, *, is_open: bool, name: str) -> str:
    """A code block with its language; `name` is what a screen reader calls it, `is_open` that more may follow."""
    language = (info.split() or [""])[0]
    if not _LANGUAGE.match(language):
        language = ""
    label = escape(f"{name} {language}".strip())
    head = f'<div class="code-block__head"><span>{escape(language)}</span></div>'
    body = (
        f'<pre tabindex="0" role="region" aria-label="{label}"><code>{_coloured(code, language, is_open)}</code></pre>'
    )
    return f'<div class="code-block">{head}{body}</div>'


def _coloured(code: str, language: str, is_open: bool) -> str:
    if not language:
        return escape(code)
    if len(code) > _MAX_COLOURED:
        end = _line_end(code, _MAX_COLOURED)
        return _colour(code[:end], language) + escape(code[end:])
    if is_open and len(code) > _STEP:
        end = _line_end(code, len(code) - len(code) % _STEP)
        return _colour(code[:end], language) + _colour(code[end:], language)
    return _colour(code, language)


def _line_end(code: str, limit: int) -> int:
    """Where the last whole line within the limit ends; 0 if there is none."""
    return code.rfind("\n", 0, limit) + 1


@lru_cache(maxsize=8)  # the steps of the few blocks that are being written; each entry is bounded by _MAX_COLOURED
def _colour(code: str, language: str) -> str:
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return escape(code)
    return str(highlight(code, lexer, _colours))
