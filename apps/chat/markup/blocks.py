"""A text's top-level blocks as safe HTML."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from apps.chat.markup.cleaning import clean
from apps.chat.markup.code import code_html
from apps.chat.markup.emphasis import Inline, balance
from apps.chat.markup.formulas import block_formula, formula_html, inline_formula
from apps.chat.markup.links import (
    bare_address,
    line_break,
    note,
    note_reference,
    note_reference_html,
    open_code,
    picture_html,
    without_open_link,
)

_PLAIN_CHARS = 4_000
# Half a marker at the end of a text that goes on would be shown, and gone with the next word.
_MARKERS = "*_~`"


@dataclass(frozen=True)
class Words:
    """What a screen reader calls the parts that scroll, in the reader's language."""

    code: str = "Code block"
    table: str = "Table"
    formula: str = "Formula"


@dataclass(frozen=True)
class Block:
    """One paragraph, list, table…: HTML of one element that stands alone, and the line that it begins on."""

    html: str
    line: int


def normal(text: str) -> str:
    """The text with the line ends that lines are counted by."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def render_blocks(text: str, words: Words, *, goes_on: bool = False) -> list[Block]:
    """The blocks of a text; `goes_on` shows what is not finished at its end as it will be."""
    env: dict[str, Any] = {"words": words, "text_goes_on": goes_on}
    tokens = _markdown.parse(text.rstrip(_MARKERS) if goes_on else text, env)
    blocks: list[Block] = []
    begin = 0
    for index, token in enumerate(tokens):
        if token.level == 0 and token.nesting <= 0:
            html = _markdown.renderer.render(tokens[begin : index + 1], _markdown.options, env)
            first = tokens[begin]
            blocks.append(Block(clean(html), first.map[0] if first.map else 0))
            begin = index + 1
    return blocks


def plain_blocks(text: str) -> list[Block]:
    """The text as it was written, in pieces of a bounded length: for texts that are not worth a parser's time."""
    return [Block(f'<p class="plain">{escape(piece)}</p>', line) for piece, line in _pieces(normal(text))]


def _pieces(text: str) -> Iterator[tuple[str, int]]:
    begin = line = 0
    while begin < len(text):
        end = text.rfind("\n", begin, begin + _PLAIN_CHARS) + 1 if begin + _PLAIN_CHARS < len(text) else len(text)
        end = end or begin + _PLAIN_CHARS
        yield text[begin:end].removesuffix("\n"), line
        line += text.count("\n", begin, end)
        begin = end


def _fence(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    # A closed fence has two lines more than its content.
    lines = token.map[1] - token.map[0] if token.map else 0
    is_open = env["text_goes_on"] and token.type == "fence" and lines < token.content.count("\n") + 2
    return code_html(token.content, token.info, is_open=is_open, name=env["words"].code)


def _picture(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return picture_html(tokens[index])


def _note_reference(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return note_reference_html(tokens[index])


def _formula(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    return formula_html(token.content.strip(), token.info, is_block=token.block, name=env["words"].formula)


def _cell_open(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """Alignment as a class: the page's policy forbids style attributes."""
    token = tokens[index]
    style = str(token.attrs.get("style", ""))
    side = style.removeprefix("text-align:")
    return f'<{token.tag} class="to-{side}">' if side in {"left", "center", "right"} else f"<{token.tag}>"


def _wide_table_open(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return f'<div class="table-scroll" tabindex="0" role="region" aria-label="{escape(env["words"].table)}"><table>'


def _wide_table_close(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return "</table></div>"


def _inlines(state: StateCore) -> None:
    """Parse the texts within the blocks; the last one may be unfinished."""
    unfinished = _last_inline(state.tokens) if state.env["text_goes_on"] else None
    for token in state.tokens:
        if token.type == "inline":
            state.env["goes_on"] = token is unfinished
            content = without_open_link(token.content) if token is unfinished else token.content
            token.children = state.md.inline.parse(content, state.md, state.env, [])


def _last_inline(tokens: Sequence[Token]) -> Token | None:
    """The text that the whole ends with, if it ends with one."""
    for token in reversed(tokens):
        if token.nesting >= 0:
            return token if token.type == "inline" else None
    return None


def _build() -> MarkdownIt:
    markdown = MarkdownIt()
    markdown.inline = Inline()
    markdown.configure("commonmark", {"html": False})
    markdown.enable(["table", "strikethrough"])
    markdown.core.ruler.at("inline", _inlines)
    markdown.inline.ruler2.at("balance_pairs", balance)
    # Before the rules that would take the backslash, the bracket, the colon.
    markdown.inline.ruler.before("escape", "formula", inline_formula)
    markdown.inline.ruler.before("backticks", "open_code", open_code)
    markdown.inline.ruler.before("link", "note_reference", note_reference)
    markdown.inline.ruler.before("newline", "bare_address", bare_address)
    markdown.inline.ruler.before("autolink", "line_break", line_break)
    # Wherever a paragraph may end.
    ends = ["paragraph", "reference", "blockquote", "list"]
    markdown.block.ruler.before("fence", "formula", block_formula, {"alt": ends})
    markdown.block.ruler.before("reference", "note", note, {"alt": ["paragraph", "reference"]})
    for name, rule in (
        ("fence", _fence),
        ("code_block", _fence),
        ("image", _picture),
        ("note_reference", _note_reference),
        ("th_open", _cell_open),
        ("td_open", _cell_open),
        ("table_open", _wide_table_open),
        ("table_close", _wide_table_close),
        ("formula", _formula),
    ):
        markdown.add_render_rule(name, rule)
    return markdown


_markdown = _build()
