"""Answers as HTML: what is rendered, and what hostile text cannot do."""

import re

import pytest

from apps.chat import markup

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
DANGEROUS = re.compile(
    r"<(script|img|svg|iframe|style|object|embed|form|input|link|meta)\b|<[^>]*\s(on\w+|style|src)\s*=|"
    r'href="(?!https?://|mailto:)',
    re.IGNORECASE,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    assert not DANGEROUS.search(markup.render(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_half_of_hostile_text_is_executed_while_it_arrives(text: str) -> None:
    renderer = markup.StreamRenderer()
    for end in range(1, len(text) + 1):
        _, blocks = renderer.update(text[:end])
        assert not DANGEROUS.search("".join(blocks))


def test_links_open_elsewhere_and_say_nothing_about_us() -> None:
    html = markup.render("[site](https://e.example/a?b=1&c=2)")

    assert html == ('<p><a href="https://e.example/a?b=1&amp;c=2" target="_blank" rel="noopener nofollow">site</a></p>')


def test_a_picture_becomes_a_link_because_loading_it_would_tell_who_reads() -> None:
    assert "<img" not in markup.render("![cat](https://e.example/cat.png)")
    assert ">cat</a>" in markup.render("![cat](https://e.example/cat.png)")


def test_code_is_coloured_labelled_and_exact() -> None:
    html = markup.render('```python\nif a < b:\n    print("x")\n```')

    assert html.startswith('<div class="code-block"><div class="code-block__head"><span>python</span></div><pre>')
    text = re.sub(r"<[^>]+>", "", html.split("<code>")[1]).replace("&lt;", "<")
    assert text == 'if a < b:\n    print("x")\n'


def test_an_unknown_language_is_shown_plain() -> None:
    assert "<code>a &lt; b\n</code>" in markup.render("```nonsense\na < b\n```")


def test_tables_can_scroll_and_align_without_style_attributes() -> None:
    html = markup.render("| a | b |\n|--:|---|\n| 1 | 2 |")

    assert html.startswith('<div class="table-scroll"><table>')
    assert '<td class="to-right">1</td>' in html
    assert "style=" not in html


@pytest.mark.parametrize(
    "text", ["$5 and $10", "It costs $5, not $10.", r"a \$ sign", "$x$", "$$ at the end of a thought"]
)
def test_money_is_not_a_formula(text: str) -> None:
    assert "<math" not in markup.render(text)


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
    html = markup.render(text)

    assert f'<math display="{display}">' in html
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in html


def test_a_formula_that_cannot_be_read_is_shown_as_written() -> None:
    html = markup.render(r"$$\frac{1}{$$")

    assert "<math" not in html
    assert r"\frac{1}{" in html


def test_a_formula_within_code_is_code() -> None:
    assert "<math" not in markup.render("`$$x$$`\n\n```\n$$\nx\n$$\n```\n\n    $$x$$")


def test_each_block_is_one_element_that_stands_alone() -> None:
    text = "# A\n\npara\n\n- a\n- b\n\n> q\n\n---\n\n| a |\n|---|\n| 1 |\n\n```\ncode\n```\n\n$$x$$"

    blocks = markup.render_blocks(text)

    assert [re.match(r"<(\w+)", block)[1] for block in blocks] == [  # type: ignore[index]
        "h1", "p", "ul", "blockquote", "hr", "div", "div", "div",
    ]  # fmt: skip


def test_streaming_ends_where_rendering_the_whole_ends() -> None:
    text = (
        "# Title\r\n\r\nSome *text*\r\n\r\n1. one\r\n2. two\r\n\r\n   more\r\n\r\n```js\nlet a = 1;\n\n```\n\n"
        "| a |\n|---|\n| 1 |\n\nAn [early][ref] link\n\nlast\n\n[ref]: https://e.example\n"
    )
    renderer = markup.StreamRenderer()
    shown: list[str] = []
    for end in range(1, len(text) + 1):
        first, blocks = renderer.update(text[:end])
        shown[first:] = blocks

    first, blocks = renderer.finish(text)
    shown[first:] = blocks

    assert tuple(shown) == markup.render_blocks(text)


def test_only_the_end_of_a_long_text_is_sent_again() -> None:
    renderer = markup.StreamRenderer()
    text = "\n\n".join(f"paragraph {number}" for number in range(50))
    renderer.update(text)

    first, blocks = renderer.update(text + " goes on")

    assert (first, blocks) == (49, ["<p>paragraph 49 goes on</p>"])


def test_an_unclosed_fence_or_formula_does_not_flicker() -> None:
    for text in ("```py\n", "```py\nx = ", "$$\n", "$$\n\\frac{1}"):
        _, blocks = markup.StreamRenderer().update(text)
        assert blocks[0].startswith("<div class=")
