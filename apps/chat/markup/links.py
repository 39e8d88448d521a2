"""What a text points at: bare addresses, pictures as links, notes at its end, and line breaks written as HTML."""

import re
from html import escape

from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

# An address ends before the first character that is not ASCII: Chinese text goes on without a space.
_ADDRESS = re.compile(r"://[A-Za-z0-9][A-Za-z0-9\-._~:/?#@!$&()+,;=%]{0,2000}")
_CLOSING_MARKS = "?!.,:;~_"
_BREAK = re.compile(r"<br\s{0,8}/?>", re.IGNORECASE)
_NOTE_LABEL = r"\[\^([\w.-]{1,40})\]"
_NOTE_REFERENCE = re.compile(_NOTE_LABEL)
_NOTE = re.compile(_NOTE_LABEL + r":[ \t]*")


def bare_address(state: StateInline, silent: bool) -> bool:
    """`https://…` within text is a link."""
    if silent or state.linkLevel > 0 or not state.src.startswith("://", state.pos):
        return False
    scheme = next((name for name in ("https", "http") if state.pending[-5:].lower().endswith(name)), "")
    found = _ADDRESS.match(state.src, state.pos, state.posMax)
    begin = state.pos - len(scheme)
    if not scheme or not found or (begin > 0 and state.src[begin - 1].isascii() and state.src[begin - 1].isalnum()):
        return False
    address = _without_closing_marks(state.src[begin : found.end()])
    href = state.md.normalizeLink(address)
    if not state.md.validateLink(href):
        return False
    state.pending = state.pending[: -len(scheme)]
    state.push("link_open", "a", 1).attrs = {"href": href}
    state.push("text", "", 0).content = address
    state.push("link_close", "a", -1)
    state.pos = begin + len(address)
    return True


def _without_closing_marks(address: str) -> str:
    """The sentence's marks are not the address's; a bracket is, if it was opened within it."""
    surplus = address.count(")") - address.count("(")
    end = len(address)
    while address[end - 1] in _CLOSING_MARKS or (address[end - 1] == ")" and surplus > 0):
        surplus -= address[end - 1] == ")"
        end -= 1
    return address[:end]


def line_break(state: StateInline, silent: bool) -> bool:
    """`<br>`: the only way to break a line in a cell of a table."""
    found = _BREAK.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        state.push("hardbreak", "br", 0)
    state.pos = found.end()
    return True


def note(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """`[^1]: text` is a note, not the definition of a link."""
    begin = state.bMarks[start_line] + state.tShift[start_line]
    found = _NOTE.match(state.src, begin, state.eMarks[start_line])
    if not found or state.is_code_block(start_line):
        return False
    if silent:
        return True
    end = start_line + 1
    while end < end_line and not state.isEmpty(end) and not _begins_block(state, end, end_line):
        end += 1
    state.env.setdefault("notes", set()).add(found[1])
    state.line = end
    opening = state.push("paragraph_open", "p", 1)
    opening.attrs, opening.map = {"class": "footnote"}, [start_line, end]
    text = state.getLines(start_line, end, state.blkIndent, False).strip()
    content = state.push("inline", "", 0)
    content.content, content.map, content.children = _NOTE.sub(r"[^\1] ", text, count=1), [start_line, end], []
    state.push("paragraph_close", "p", -1)
    return True


def _begins_block(state: StateBlock, line: int, end_line: int) -> bool:
    return any(rule(state, line, end_line, True) for rule in state.md.block.ruler.getRules("paragraph"))


def note_reference(state: StateInline, silent: bool) -> bool:
    """`[^1]` is the number of a note; a word between such brackets only if there is a note of that name."""
    found = _NOTE_REFERENCE.match(state.src, state.pos, state.posMax)
    if not found or not (found[1].isdigit() or found[1] in state.env.get("notes", ())):
        return False
    if not silent:
        state.push("note_reference", "sup", 0).content = found[1]
    state.pos = found.end()
    return True


def note_reference_html(token: Token) -> str:
    """The number, raised."""
    return f'<sup class="footnote-ref">{escape(token.content)}</sup>'


def picture_html(token: Token) -> str:
    """A picture from elsewhere would tell its server who reads: show where it is instead."""
    href = escape(str(token.attrs.get("src", "")))
    return f'<a href="{href}">{escape(token.content or href)}</a>'


def open_code(state: StateInline, silent: bool) -> bool:
    """In a text that goes on, a code span without its end holds to the end."""
    source: str = state.src
    begin = state.pos
    if silent or source[begin] != "`" or not state.env.get("goes_on") or state.level > 0:
        return False
    end = begin
    while end < state.posMax and source[end] == "`":
        end += 1
    if source.rfind(source[begin:end]) != begin:
        return False
    state.push("code_inline", "code", 0).content = source[end : state.posMax].strip()
    state.pos = state.posMax
    return True


_OPEN_LINK = re.compile(r"\[([^\[\]\n]{0,300})\]\([^()\s]{0,2000}\Z")


def without_open_link(content: str) -> str:
    """The text of a link whose address is still being written, without that address."""
    return _OPEN_LINK.sub(r"\1", content)
