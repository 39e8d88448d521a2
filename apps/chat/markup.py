"""Markdown of answers as safe HTML: no raw HTML, no images, coloured code, formulas as MathML, cleaned at the end."""

import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from typing import Any

import nh3
from latex2mathml.converter import convert as latex_to_mathml
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_MAX_FORMULA = 2_000
_MAX_COLOURED_CODE = 20_000
_LANGUAGE = re.compile(r"[A-Za-z0-9_+#.-]{1,30}\Z")

_MATHML = {
    "math", "mrow", "mi", "mo", "mn", "ms", "mtext", "mspace", "msup", "msub", "msubsup", "mfrac", "msqrt", "mroot",
    "mover", "munder", "munderover", "mtable", "mtr", "mtd", "mpadded", "mphantom", "mstyle", "menclose",
}  # fmt: skip
_TAGS = _MATHML | {
    "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "em", "s", "code", "pre", "blockquote",
    "ul", "ol", "li", "a", "table", "thead", "tbody", "tr", "th", "td", "div", "span",
}  # fmt: skip
_ATTRIBUTES = {
    "a": {"href", "title", "target"},
    "ol": {"start"},
    "code": {"class"},
    "span": {"class"},
    "div": {"class"},
    "th": {"class"},
    "td": {"class"},
    "math": {"display"},
    "mi": {"mathvariant"},
    "mo": {"stretchy", "fence", "separator", "form", "largeop", "movablelimits"},
    "mspace": {"width"},
    "mfrac": {"linethickness"},
    "mtable": {"columnalign"},
    "mtd": {"columnalign"},
    "menclose": {"notation"},
}
_SCHEMES = {"http", "https", "mailto"}

# The class names are coloured in static/css/prose.css.
_colours = HtmlFormatter(nowrap=True)


def render(text: str) -> str:
    """The whole text as safe HTML."""
    return "".join(render_blocks(text))


@lru_cache(maxsize=2048)  # history is rendered again at each page view and never changes
def render_blocks(text: str) -> tuple[str, ...]:
    """The text's top-level blocks (paragraph, list, table, code…), each as safe HTML that stands alone."""
    return tuple(html for html, _ in _blocks(text))


class StreamRenderer:
    """Renders a text that grows at its end, parsing only the part that can still change.

    A block is final once two others follow it; only a late link definition could still change it, and
    the last rendering, of the settled text, corrects that.
    """

    def __init__(self) -> None:
        self._final: list[str] = []
        self._final_chars = 0
        self._sent: list[str] = []

    def update(self, text: str) -> tuple[int, list[str]]:
        """The index of the first block that differs from the last call's, and all blocks from there on."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")  # as the parser counts lines
        tail = text[self._final_chars :]
        fresh = _blocks(tail)
        blocks = [*self._final, *(html for html, _ in fresh)]
        if len(fresh) > 2:
            self._final += [html for html, _ in fresh[:-2]]
            self._final_chars += _offset_of_line(tail, fresh[-2][1])
        return self._changes(blocks)

    def finish(self, text: str) -> tuple[int, list[str]]:
        """The same for the settled text, parsed as a whole."""
        return self._changes(list(render_blocks(text)))

    def _changes(self, blocks: list[str]) -> tuple[int, list[str]]:
        first = 0
        for old, new in zip(self._sent, blocks, strict=False):
            if old != new:
                break
            first += 1
        self._sent = blocks
        return first, blocks[first:]


def _blocks(text: str) -> list[tuple[str, int]]:
    """Each top-level block's HTML and the line that it begins on."""
    env: dict[str, Any] = {}
    tokens = _markdown.parse(text, env)
    blocks: list[tuple[str, int]] = []
    begin = 0
    for index, token in enumerate(tokens):
        if token.level == 0 and token.nesting <= 0:
            html = _markdown.renderer.render(tokens[begin : index + 1], _markdown.options, env)
            first = tokens[begin]
            blocks.append((_clean(html), first.map[0] if first.map else 0))
            begin = index + 1
    return blocks


def _clean(html: str) -> str:
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="noopener nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    ).strip()


def _offset_of_line(text: str, line: int) -> int:
    offset = 0
    for _ in range(line):
        offset = text.index("\n", offset) + 1
    return offset


def _fence(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    language = (token.info.split() or [""])[0]
    if not _LANGUAGE.match(language):
        language = ""
    head = f'<div class="code-block__head"><span>{escape(language)}</span></div>'
    code = _coloured(token.content, language)
    return f'<div class="code-block">{head}<pre><code>{code}</code></pre></div>'


def _coloured(code: str, language: str) -> str:
    if not language or len(code) > _MAX_COLOURED_CODE:
        return escape(code)
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return escape(code)
    return str(highlight(code, lexer, _colours))


def _image_as_link(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """A picture from elsewhere would tell its server who reads: show where it is instead."""
    token = tokens[index]
    href = escape(str(token.attrs.get("src", "")))
    return f'<a href="{href}">{escape(token.content or href)}</a>'


def _cell_open(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """Alignment as a class: the page's policy forbids style attributes."""
    token = tokens[index]
    style = str(token.attrs.get("style", ""))
    side = style.removeprefix("text-align:")
    return f'<{token.tag} class="to-{side}">' if side in {"left", "center", "right"} else f"<{token.tag}>"


def _wide_table_open(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return '<div class="table-scroll"><table>'


def _wide_table_close(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return "</table></div>"


_INLINE_FORMULAS = (
    ("\\(", "\\)", "inline"),
    ("\\[", "\\]", "block"),
    ("$$", "$$", "block"),
)
_BLOCK_FORMULAS = (("$$", "$$"), ("\\[", "\\]"))


def _inline_formula(state: StateInline, silent: bool) -> bool:
    r"""`\(…\)`, `\[…\]` and `$$…$$` within a line of text. A single dollar is money."""
    for opening, closing, display in _INLINE_FORMULAS:
        if not state.src.startswith(opening, state.pos):
            continue
        begin = state.pos + len(opening)
        # Not farther than a formula may be long: thousands of open ones would each look through all the rest.
        end = state.src.find(closing, begin, min(state.posMax, begin + _MAX_FORMULA))
        if end < 0 or not state.src[begin:end].strip():
            continue
        if not silent:
            token = state.push("formula", "math", 0)
            token.content, token.info = state.src[begin:end], display
        state.pos = end + len(closing)
        return True
    return False


def _block_formula(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    r"""`$$` or `\[` at the beginning of a line, closed at the end of that or a later one.

    Alone on its line it may stay open to the end of the text, as a code fence may: so that a formula that is
    still being written does not flicker between text and formula.
    """
    line = _line(state, start_line)
    for opening, closing in _BLOCK_FORMULAS:
        if not line.startswith(opening) or state.is_code_block(start_line):
            continue
        last = start_line
        body = line[len(opening) :]
        found = body.rstrip().endswith(closing)
        while not found and last + 1 < end_line:
            last += 1
            body += "\n" + _line(state, last)
            found = body.rstrip().endswith(closing)
        if not found and line.strip() != opening:
            return False
        if silent:
            return True
        token = state.push("formula", "math", 0)
        token.block = True
        token.content = body.rstrip().removesuffix(closing) if found else body
        token.info = "block" if found else "open"
        token.map = [start_line, last + 1]
        state.line = last + 1
        return True
    return False


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def _formula(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    html = _mathml(token.content.strip(), token.info)
    return f'<div class="formula">{html}</div>' if token.block else html


@lru_cache(maxsize=1024)
def _mathml(formula: str, display: str) -> str:
    source = f'<code class="formula-source">{escape(formula)}</code>'
    if display == "open" or len(formula) > _MAX_FORMULA:
        return source
    try:
        return str(latex_to_mathml(formula, display=display))
    except Exception:  # the converter raises whatever it stumbles over; its input is an upstream's text
        return source


def _build() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "linkify": False})
    markdown.enable(["table", "strikethrough"])
    # Before the rules that would take the backslash, and wherever a paragraph may end.
    markdown.inline.ruler.before("escape", "formula", _inline_formula)
    ends = ["paragraph", "reference", "blockquote", "list"]
    markdown.block.ruler.before("fence", "formula", _block_formula, {"alt": ends})
    for name, rule in (
        ("fence", _fence),
        ("code_block", _fence),
        ("image", _image_as_link),
        ("th_open", _cell_open),
        ("td_open", _cell_open),
        ("table_open", _wide_table_open),
        ("table_close", _wide_table_close),
        ("formula", _formula),
    ):
        markdown.add_render_rule(name, rule)
    return markdown


_markdown = _build()
