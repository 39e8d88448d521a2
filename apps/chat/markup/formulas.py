r"""Formulas: `\(…\)`, `\[…\]` and `$$…$$` as MathML; one that cannot be drawn faithfully is shown as it was written."""

import re
from html import escape

from latex2mathml.converter import convert as latex_to_mathml
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

_MAX_CHARS = 2_000
_MAX_LINES = 60  # also what an opening without an end may look ahead: thousands of them must not each read all the rest
# A formula longer than this may be wider than its column, and then the keyboard must be able to scroll it.
_WIDE_CHARS = 40

_INLINE = (
    ("\\(", "\\)", "inline"),
    ("\\[", "\\]", "block"),
    ("$$", "$$", "block"),
)
_BLOCK = (("$$", "$$"), ("\\[", "\\]"))

# Environments that the converter does not know, by one that it knows and that looks alike.
_ENVIRONMENTS = {
    "align": "align*", "aligned": "align*", "alignedat": "align*", "eqnarray": "align*", "eqnarray*": "align*",
    "gather": "matrix", "gather*": "matrix", "gathered": "matrix", "multline": "matrix", "multline*": "matrix",
    "dcases": "cases", "equation": "matrix", "equation*": "matrix",
}  # fmt: skip
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{([A-Za-z]+\*?)\}")
_DRAWN = {
    "align*", "split", "cases", "array", "substack", "smallmatrix", "matrix", "pmatrix", "bmatrix", "Bmatrix",
    "vmatrix", "Vmatrix", "matrix*", "pmatrix*", "bmatrix*", "Bmatrix*", "vmatrix*", "Vmatrix*",
}  # fmt: skip
# A definition that uses itself twice grows without end.
_DEFINES = re.compile(r"\\(?:re)?newcommand|\\newenvironment|\\def\b|\\DeclareMathOperator")
_UNDRAWN_COMMAND = re.compile(r">\s*\\[A-Za-z]|>&amp;<|>&<")
_LOST_LINE = 'linebreak="newline"'
_TAG = re.compile(r"<[^>]*>")


def inline_formula(state: StateInline, silent: bool) -> bool:
    r"""`\(…\)`, `\[…\]` and `$$…$$` within a line of text. A single dollar is money."""
    for opening, closing, display in _INLINE:
        if not state.src.startswith(opening, state.pos):
            continue
        begin = state.pos + len(opening)
        # Not farther than a formula may be long: thousands of open ones would each look through all the rest.
        end = state.src.find(closing, begin, min(state.posMax, begin + _MAX_CHARS))
        if end < 0 or not state.src[begin:end].strip():
            continue
        if not silent:
            token = state.push("formula", "math", 0)
            token.content, token.info = state.src[begin:end], display
        state.pos = end + len(closing)
        return True
    return False


def block_formula(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    r"""`$$` or `\[` at the beginning of a line, closed at the end of that or a later one.

    Alone on its line it may stay open to the end of the text, as a code fence may: so that a formula that is
    still being written does not flicker between text and formula.
    """
    line = _line(state, start_line)
    for opening, closing in _BLOCK:
        if not line.startswith(opening) or state.is_code_block(start_line):
            continue
        last = _closing_line(state, start_line, end_line, line[len(opening) :], closing)
        is_open = last is None
        if is_open and line.strip() != opening:
            return False
        if silent:
            return True
        if last is None:
            last = _last_line(state, start_line, end_line)
        lines = [line[len(opening) :], *(_line(state, number) for number in range(start_line + 1, last + 1))]
        body = "\n".join(lines)
        token = state.push("formula", "math", 0)
        token.block = True
        token.content = body if is_open else body.rstrip().removesuffix(closing)
        token.info = "open" if is_open else "block"
        token.map = [start_line, last + 1]
        state.line = last + 1
        return True
    return False


def formula_html(source: str, display: str, *, is_block: bool, name: str) -> str:
    """A formula as MathML that knows its source; `name` is what a screen reader calls a wide one."""
    html = _mathml(source, display)
    known = f'data-source="{escape(source)}"'
    if not is_block:
        return f'<span class="formula-inline" {known}>{html}</span>'
    region = f' tabindex="0" role="region" aria-label="{escape(name)}"' if len(source) > _WIDE_CHARS else ""
    return f'<div class="formula" {known}{region}>{html}</div>'


def _mathml(formula: str, display: str) -> str:
    if display == "open" or len(formula) > _MAX_CHARS or _DEFINES.search(formula):
        return _as_written(formula)
    known = _ENVIRONMENT.sub(lambda found: f"\\{found[1]}{{{_ENVIRONMENTS.get(found[2], found[2])}}}", formula)
    if any(name not in _DRAWN for _, name in _ENVIRONMENT.findall(known)):
        return _as_written(formula)
    # Lines outside of any environment would be drawn as one.
    for source in (known, f"\\begin{{align*}}{known}\\end{{align*}}"):
        try:
            html = str(latex_to_mathml(source, display=display))
        except Exception:  # noqa: BLE001  # the converter raises whatever it stumbles over; its input is an upstream's text
            return _as_written(formula)
        if _LOST_LINE not in html:
            break
    is_drawn = _LOST_LINE not in html and not _UNDRAWN_COMMAND.search(html) and _TAG.sub("", html).strip()
    return html if is_drawn else _as_written(formula)


def _as_written(formula: str) -> str:
    return f'<code class="formula-source">{escape(formula)}</code>'


def _closing_line(state: StateBlock, start_line: int, end_line: int, body: str, closing: str) -> int | None:
    """The line at whose end the formula is closed."""
    if body.rstrip().endswith(closing):
        return start_line
    for number in range(start_line + 1, min(end_line, start_line + _MAX_LINES)):
        if _is_outside(state, number):
            return None
        if _line(state, number).rstrip().endswith(closing):
            return number
    return None


def _last_line(state: StateBlock, start_line: int, end_line: int) -> int:
    last = start_line
    while last + 1 < end_line and not _is_outside(state, last + 1):
        last += 1
    return last


def _is_outside(state: StateBlock, number: int) -> bool:
    """Whether a line stands further out than the list item or quote that the formula is in."""
    return not state.isEmpty(number) and state.sCount[number] < state.blkIndent


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]
