"""Answers as HTML: what is rendered, and what hostile text cannot do."""

import re
from html.parser import HTMLParser

import pytest

from apps.chat.markup import GrowingText, Seen, Words, normal, plain_blocks, render_blocks
from apps.chat.markup import code as code_module

WORDS = Words(code="Code", table="Table", formula="Formula")

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "![x](javascript:alert(1))",
    '![x](https://e.example/"onerror="alert(1))',
    "<a href='https://x' onclick='alert(1)'>x</a>",
    "```<script>\nalert(1)\n```",
    '```x"><script>alert(1)</script>\ncode\n```',
    "`<b onmouseover=alert(1)>`",
    "| <img src=x onerror=alert(1)> |\n|---|\n| <script>alert(1)</script> |",
    r"\(\text{<img src=x onerror=alert(1)>}\)",
    r"$$\href{javascript:alert(1)}{x}$$",
    r"\[\style{background:url(javascript:alert(1))}{x}\]",
    r"$$</math><script>alert(1)</script>$$",
    "<style>body{display:none}</style>",
    "<iframe src=https://e.example></iframe>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "[x]: javascript:alert(1)\n\n[x]",
    "<https://e.example/\"onmouseover='alert(1)'>",
]
TAGS = {
    "a", "blockquote", "br", "code", "div", "em", "h1", "hr", "li", "math", "mi", "mn", "mo", "mrow", "mstyle", "mtext",
    "ol", "p", "pre", "s", "span", "strong", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "aria-label",
    "class",
    "data-source",
    "display",
    "href",
    "rel",
    "role",
    "start",
    "stretchy",
    "tabindex",
    "target",
}


class Dangers(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.found.append(tag)
        for name, value in attrs:
            if name not in ATTRIBUTES or (name == "href" and not re.match(r"https?://|mailto:", value or "")):
                self.found.append(f"{name}={value}")


def dangers(html: str) -> list[str]:
    """Tags and attributes that may not be in an answer."""
    parser = Dangers()
    parser.feed(html)
    parser.close()
    return parser.found


def html_of(text: str, *, goes_on: bool = False) -> str:
    """The whole text as HTML."""
    return "".join(block.html for block in render_blocks(text, WORDS, goes_on=goes_on))


class Reader:
    """A page that shows a growing text as the events say."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.last: tuple[int, list[str]] = (0, [])
        self._seen = Seen()

    def look(self, growing: GrowingText) -> None:
        """Take what is new."""
        self._take(growing.news(self._seen))

    def end(self, growing: GrowingText, text: str) -> None:
        """Take the settled text."""
        self._take(growing.end(self._seen, [block.html for block in render_blocks(text, WORDS)]))

    def _take(self, news: tuple[int, list[str]]) -> None:
        self.last = first, blocks = news
        self.shown[first:] = blocks


def grow(growing: GrowingText, text: str) -> None:
    """The text as it is now, as the site renders it."""
    unfinished = growing.unfinished(normal(text))
    growing.take(unfinished, render_blocks(unfinished, WORDS, goes_on=True))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    assert dangers(html_of(text)) == []
    assert dangers("".join(block.html for block in plain_blocks(text))) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_no_half_of_hostile_text_is_executed_while_it_arrives(text: str) -> None:
    growing, reader = GrowingText(), Reader()
    for end in range(1, len(text) + 1):
        grow(growing, text[:end])
        reader.look(growing)
        assert dangers("".join(reader.shown)) == []


def test_links_open_elsewhere_and_say_nothing_about_us() -> None:
    html = html_of("[site](https://e.example/a?b=1&c=2)")

    assert html == (
        '<p><a href="https://e.example/a?b=1&amp;c=2" target="_blank" rel="nofollow noopener noreferrer">site</a></p>'
    )


def test_a_picture_becomes_a_link_because_loading_it_would_tell_who_reads() -> None:
    assert "<img" not in html_of("![cat](https://e.example/cat.png)")
    assert ">cat</a>" in html_of("![cat](https://e.example/cat.png)")


def test_code_is_coloured_labelled_and_exact() -> None:
    html = html_of('```python\nif a < b:\n    print("x")\n```')

    assert html.startswith('<div class="code-block"><div class="code-block__head"><span>python</span></div><pre ')
    text = re.sub(r"<[^>]+>", "", html.split("<code>")[1]).replace("&lt;", "<")
    assert text == 'if a < b:\n    print("x")\n'


def test_an_unknown_language_is_shown_plain() -> None:
    assert "<code>a &lt; b\n</code>" in html_of("```nonsense\na < b\n```")


def test_tables_can_scroll_and_align_without_style_attributes() -> None:
    html = html_of("| a | b |\n|--:|---|\n| 1 | 2 |")

    assert html.startswith('<div class="table-scroll" ')
    assert '<td class="to-right">1</td>' in html
    assert "style=" not in html


@pytest.mark.parametrize(
    "text", ["$5 and $10", "It costs $5, not $10.", r"a \$ sign", "$x$", "$$ at the end of a thought"]
)
def test_money_is_not_a_formula(text: str) -> None:
    assert "<math" not in html_of(text)


@pytest.mark.parametrize(
    ("text", "display"),
    [
        (r"so \(x^2\) it is", "inline"),
        (r"so \[x^2\] it is", "block"),
        ("so $$x^2$$ it is", "block"),
        ("$$\nx^2\n$$", "block"),
        ("text before\n\\[\nx^2\n\\]\ntext after", "block"),
    ],
)
def test_formulas_become_mathml(text: str, display: str) -> None:
    html = html_of(text)

    assert f'<math display="{display}">' in html
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in html


def test_a_formula_that_cannot_be_read_is_shown_as_written() -> None:
    html = html_of(r"$$\frac{1}{$$")

    assert "<math" not in html
    assert r"\frac{1}{" in html


def test_a_formula_within_code_is_code() -> None:
    assert "<math" not in html_of("`$$x$$`\n\n```\n$$\nx\n$$\n```\n\n    $$x$$")


def test_each_block_is_one_element_that_stands_alone() -> None:
    text = "# A\n\npara\n\n- a\n- b\n\n> q\n\n---\n\n| a |\n|---|\n| 1 |\n\n```\ncode\n```\n\n$$x$$"

    blocks = render_blocks(text, WORDS)

    assert [block.html[1:].split(" ")[0].split(">")[0] for block in blocks] == [
        "h1", "p", "ul", "blockquote", "hr", "div", "div", "div",
    ]  # fmt: skip


def test_streaming_ends_where_rendering_the_whole_ends() -> None:
    text = (
        "# Title\r\n\r\nSome *text*\r\n\r\n1. one\r\n2. two\r\n\r\n   more\r\n\r\n```js\nlet a = 1;\n\n```\n\n"
        "| a |\n|---|\n| 1 |\n\nAn [early][ref] link\n\nlast\n\n[ref]: https://e.example\n"
    )
    growing, reader = GrowingText(), Reader()
    for end in range(1, len(text) + 1):
        grow(growing, text[:end])
        reader.look(growing)

    reader.end(growing, text)

    assert reader.shown == [block.html for block in render_blocks(text, WORDS)]


def test_only_the_end_of_a_long_text_is_sent_again() -> None:
    growing, reader = GrowingText(), Reader()
    text = "\n\n".join(f"paragraph {number}" for number in range(50))
    grow(growing, text)
    reader.look(growing)

    grow(growing, text + " goes on")
    reader.look(growing)

    assert reader.last == (49, ["<p>paragraph 49 goes on</p>"])


def test_readers_of_one_text_share_its_blocks_and_each_gets_what_it_has_not_seen() -> None:
    growing, early, late = GrowingText(), Reader(), Reader()
    for number in range(1, 9):
        grow(growing, "\n\n".join(f"paragraph {step}" for step in range(number)))
        early.look(growing)
    late.look(growing)

    assert early.shown == late.shown
    assert early.last == (7, ["<p>paragraph 7</p>"])
    assert late.last[0] == 0


def test_a_text_that_turns_plain_is_sent_anew() -> None:
    growing, reader = GrowingText(), Reader()
    grow(growing, "# a\n\nb\n\nc\n\nd")
    reader.look(growing)

    growing.begin_again()
    growing.take("# a\n\nb", plain_blocks("# a\n\nb"))
    reader.look(growing)

    assert reader.last == (0, ['<p class="plain"># a\n\nb</p>'])


def test_a_plain_text_comes_in_bounded_pieces_and_whole() -> None:
    text = "a line of text\n" * 1000 + "x" * 9000

    blocks = plain_blocks(text)

    inside = [block.html.removeprefix('<p class="plain">').removesuffix("</p>") for block in blocks]
    assert max(map(len, inside)) <= 4000
    assert "".join(inside).replace("\n", "") == text.replace("\n", "")
    assert [text.splitlines()[block.line][:4] for block in blocks[:4]] == ["a li"] * 4


def test_an_unclosed_fence_or_formula_does_not_flicker() -> None:
    for text in ("```py\n", "```py\nx = ", "$$\n", "$$\n\\frac{1}"):
        assert html_of(text, goes_on=True).startswith("<div class=")


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name() -> None:
    code = html_of("```py\nx\n```")
    table = html_of("| a |\n|---|\n| 1 |")
    wide = html_of("$$" + "x+" * 40 + "x$$")

    assert '<pre tabindex="0" role="region" aria-label="Code py">' in code
    assert table.startswith('<div class="table-scroll" tabindex="0" role="region" aria-label="Table">')
    assert 'tabindex="0" role="region" aria-label="Formula"' in wide
    assert "tabindex" not in html_of("$$x$$")


def test_a_formula_knows_its_source() -> None:
    assert r'<span class="formula-inline" data-source="\frac{1}{2}"><math' in html_of(r"so \(\frac{1}{2}\)")
    assert 'data-source="a &lt; &quot;b&quot;"' in html_of('$$a < "b"$$').replace("a < ", "a &lt; ")


@pytest.mark.parametrize("name", ["aligned", "align", "align*", "gather", "gathered", "split", "cases", "equation"])
def test_the_lines_of_a_formula_stay_lines(name: str) -> None:
    html = html_of(f"$$\n\\begin{{{name}}} a &= b \\\\ c &= d \\end{{{name}}}\n$$")

    assert html.count("<mtr>") == 2
    assert "&amp;<" not in html


def test_lines_outside_of_any_environment_stay_lines_too() -> None:
    assert html_of(r"$$a = b \\ c = d$$").count("<mtr>") == 2


@pytest.mark.parametrize(
    "source",
    [r"\ce{H2O}", r"\begin{tikzpicture}a\end{tikzpicture}", r"\unknown x", r"\phantom{}", r"\newcommand{\a}{\a\a}\a"],
)
def test_what_cannot_be_drawn_is_shown_as_written(source: str) -> None:
    html = html_of(f"$${source}$$")

    assert f'<code class="formula-source">{source}</code>' in html
    assert "<math" not in html


def test_a_break_in_a_cell_breaks_the_line() -> None:
    html = html_of("| a |\n|---|\n| 1<br>2<br/>3<BR />4 |\n\n`<br>`")

    assert html.count("<br>") == 3
    assert "<code>&lt;br&gt;</code>" in html


def test_a_note_is_a_note_and_no_link() -> None:
    html = html_of("So it is[^1] and[^src].\n\n[^1]: See page 5.\n[^src]: Said\nby **him**.\n\nNext [^a-z]")

    assert html == (
        '<p>So it is<sup class="footnote-ref">1</sup> and<sup class="footnote-ref">src</sup>.</p>'
        '<p class="footnote"><sup class="footnote-ref">1</sup> See page 5.</p>'
        '<p class="footnote"><sup class="footnote-ref">src</sup> Said\nby <strong>him</strong>.</p>'
        "<p>Next [^a-z]</p>"
    )


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("见https://a.example/b?c=1&d=2，好", "https://a.example/b?c=1&amp;d=2"),
        ("（https://a.example/b）", "https://a.example/b"),
        ("https://a.example/b。", "https://a.example/b"),
        ("看http://a.example查看", "http://a.example"),
        ("(https://a.example/x_(y)).", "https://a.example/x_(y)"),
        ("**https://a.example/**", "https://a.example/"),
        ("| https://a.example/b |\n|---|", "https://a.example/b"),
        ("HTTPS://A.example/b!", "HTTPS://A.example/b"),
    ],
)
def test_an_address_is_a_link_and_ends_where_the_sentence_goes_on(text: str, address: str) -> None:
    html = html_of(text)

    assert re.findall(r'<a [^>]*rel="nofollow noopener noreferrer">([^<]*)</a>', html) == [address]


@pytest.mark.parametrize(
    "text", ["`https://a.example`", "xhttps://a.example", "https://", "javascript://a.example", "https://。"]
)
def test_other_things_with_a_colon_are_no_links(text: str) -> None:
    assert "<a " not in html_of(text)


def test_an_address_within_a_link_is_its_text() -> None:
    assert html_of("[https://a.example](https://b.example)").count("<a ") == 1


def test_an_unfinished_code_block_is_coloured_by_steps_and_a_finished_one_whole() -> None:
    code = 'x = "a"\n' * 600
    before = html_of(f"```py\n{code}", goes_on=True)
    coloured_before = code_module._colour.cache_info().misses

    for step in range(1, 20):
        html_of(f"```py\n{code}" + "y = 1\n" * step, goes_on=True)

    info = code_module._colour.cache_info()
    assert before.count("<span") > 600
    # Each time the last piece alone; the long beginning was coloured before.
    assert info.misses - coloured_before == 19
    assert html_of(f"```py\n{code}```") == html_of(f"```py\n{code}")
