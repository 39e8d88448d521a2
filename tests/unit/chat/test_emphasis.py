"""Emphasis beside Chinese: whole, at every cut while it arrives, and nothing else than CommonMark elsewhere."""

import re

import pytest
from markdown_it import MarkdownIt

from apps.chat.markup import Words, render_blocks

FORMS = [
    ("**注意：**请先登录", "<strong>注意：</strong>请先登录"),
    ("请看**重点。**然后", "请看<strong>重点。</strong>然后"),
    ("**“引用”**后面", "<strong>“引用”</strong>后面"),
    ("前面**“引用”**后面", "前面<strong>“引用”</strong>后面"),
    ("这是**《书名》**一书", "这是<strong>《书名》</strong>一书"),
    ("价格**（元）**为", "价格<strong>（元）</strong>为"),
    ("涨了**100%**的", "涨了<strong>100%</strong>的"),
    ("**(1)**第一", "<strong>(1)</strong>第一"),
    ("**`code`**是代码", "<strong><code>code</code></strong>是代码"),
    ("用**`code`**写", "用<strong><code>code</code></strong>写"),
    ("这是*强调。*请", "这是<em>强调。</em>请"),
    ("***粗斜：***请", "<em><strong>粗斜：</strong></em>请"),
    ("**外面*里面。*外面：**请", "<strong>外面<em>里面。</em>外面：</strong>请"),
    ("~~删除。~~请", "<s>删除。</s>请"),
    ("**第一、**第二、**第三：**完", "<strong>第一、</strong>第二、<strong>第三：</strong>完"),
    ("**✅ 完成：**请", "<strong>✅ 完成：</strong>请"),
    ("**🎉**恭喜", "<strong>🎉</strong>恭喜"),
    ("**ご注意。**これは", "<strong>ご注意。</strong>これは"),
    ("**주의：**이것", "<strong>주의：</strong>이것"),
    ("**[链接](https://a.example)**请", re.compile(r"<strong><a [^>]*>链接</a></strong>请")),
]

# Examples of the specification about what a run of stars may do, and what it may not.
COMMONMARK = [
    "*foo bar*", "a * foo bar*", 'a*"foo"*', "*\u00a0a\u00a0*", "*$*alpha.", "foo*bar*", "5*6*78", "_foo bar_",
    "_ foo bar_", 'a_"foo"_', "foo_bar_", "5_6_78", "пристаням_стремятся_", 'aa_"bb"_cc', "foo-_(bar)_", "_foo*",
    "*foo bar *", "*foo bar\n*", "*(*foo)", "*(*foo*)*", "*foo*bar", "_foo bar _", "_(_foo)", "_(_foo_)_",
    "_foo_bar", "_(bar)_.", "**foo bar**",
    "** foo bar**", 'a**"foo"**', "foo**bar**", "__foo bar__", "__ foo bar__", "foo__bar__",
    "**foo bar **", "**(**foo)", "*(**foo**)*", '**foo "*bar*" foo**', "**foo**bar", "__foo__bar", "*foo**bar**baz*",
    "***foo** bar*", "*foo **bar***", "foo***bar***baz", "foo******bar*********baz", "**foo*bar**", "***foo*", "~~a~~b",
    "**Gomphocarpus (*Gomphocarpus physocarpus*, syn.\n*Asclepias physocarpa*)**", "*foo [bar* baz]", "**a `**` b**",
]  # fmt: skip


def html_of(text: str, *, goes_on: bool = False) -> str:
    """One paragraph's inside."""
    html = "".join(block.html for block in render_blocks(text, Words(), goes_on=goes_on))
    return html.removeprefix("<p>").removesuffix("</p>")


@pytest.mark.parametrize(("text", "html"), FORMS)
def test_every_form_is_read_as_it_is_meant(text: str, html: str | re.Pattern[str]) -> None:
    found = html_of(text)

    assert found == html if isinstance(html, str) else html.fullmatch(found)


@pytest.mark.parametrize(("text", "html"), FORMS)
def test_no_marker_is_seen_at_any_cut(text: str, html: str | re.Pattern[str]) -> None:
    for end in range(1, len(text)):
        assert not set("*~`") & set(re.sub(r"<[^>]*>", "", html_of(text[:end], goes_on=True))), text[:end]


@pytest.mark.parametrize("text", COMMONMARK)
def test_text_without_such_characters_is_read_as_the_specification_says(text: str) -> None:
    stock = MarkdownIt("commonmark").enable("strikethrough").render(text)

    assert html_of(text) == stock.strip().removeprefix("<p>").removesuffix("</p>").replace("&quot;", '"').replace(
        "\u00a0", "&nbsp;"
    )


@pytest.mark.parametrize("text", ["2*3*4 是", "2**10 等于", "snake_case_name 是", "文件_2024_终版", "2 * 3 = 6"])
def test_a_product_or_a_name_is_not_emphasis_at_any_cut(text: str) -> None:
    for end in range(1, len(text)):
        found = html_of(text[:end], goes_on=True)
        assert "<em>" not in found.replace("2<em>3</em>4", "")
        assert "<strong>" not in found


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("see [the page](https://a.exam", "see the page"),
        ("run `pip inst", "run <code>pip inst</code>"),
        ("**注意：*", "<strong>注意：</strong>"),
        ("请**", "请"),
        ("- a", "<ul>\n<li>a</li>\n</ul>"),
    ],
)
def test_what_is_being_written_is_shown_as_it_will_be(text: str, html: str) -> None:
    assert html_of(text, goes_on=True) == html
