"""Twice the text takes twice the time, whatever the text: nobody's answer can cost more than its length.

Measured over three doublings, so that chance has no say: what grows with the length takes eight times as long then,
what grows with its square sixty-four times.
"""

import gc
import time

import pytest

from apps.chat.markup import Words, code, plain_blocks, render_blocks

CHARS = 1_000
# What is repeated, after what stands before it.
REPEATED = {
    "formulas that never end": ("", "$$ a\n"),
    "bracket formulas that never end": ("", "\\[ a\n"),
    "formulas in items": ("", "- $$ a\n  $$ a\n"),
    "inline formulas": ("", "\\(a^b\\) "),
    "open inline formulas": ("", "\\("),
    "lists": ("", "- a\n"),
    "loose lists": ("", "- a\n\n"),
    "quotes": ("", "> a\n"),
    "deep quotes": ("", "> > > > > > > > a\n"),
    "lazy lines": ("> a\n", "b\n"),
    "emphasis": ("", "*a **b "),
    "emphasis runs": ("", "*a**b"),
    "underscores": ("", "_a __b "),
    "emphasis beside Chinese": ("", "**注意：**请"),
    "open emphasis beside Chinese": ("", "**注意：请"),
    "strikes": ("", "~~a"),
    "open brackets": ("", "["),
    "open links": ("", "[a]("),
    "links with titles": ("", '[a](b "'),
    "pictures": ("", "!["),
    "references": ("", "[a]: b\n"),
    "reference uses": ("", "[a][b] "),
    "notes": ("", "[^1]: a [^1]\n"),
    "note references": ("", "[^1]"),
    "tables": ("|a|b|\n|-|-|\n", "| a | b |\n"),
    "broken cells": ("|a|b|\n|-|-|\n", "| `a | **b |\n"),
    "pipes": ("", "|"),
    "fences": ("", "```\na\n```\n"),
    "open fences": ("", "```\n"),
    "coloured code": ("```python\n", "x = f(1, 'a') + b\n"),
    "backticks": ("", "`a``b"),
    "addresses": ("", "https://a.b/c "),
    "one address": ("", "https://a.b/"),
    "addresses with brackets": ("", "http://a)"),
    "half tags": ("", "<br"),
    "breaks": ("", "<br>"),
    "tags": ("", '<a href="'),
    "ampersands": ("", "&#1"),
    "headings": ("", "# a\n"),
    "underlined headings": ("", "a\n=\n"),
    "rules": ("", "---\n"),
    "escapes": ("", "\\*"),
    "one word": ("", "a"),
    "one line": ("", "你好，world "),
    "empty lines": ("", "\n"),
}


def seconds(text: str, *, goes_on: bool, tries: int) -> float:
    """Processor time of the fastest rendering, without the collector's walks through this process's whole heap."""
    fastest = float("inf")
    gc.disable()
    for _ in range(tries):
        code._colour.cache_clear()
        began = time.process_time()
        render_blocks(text, Words(), goes_on=goes_on)
        plain_blocks(text)
        fastest = min(fastest, time.process_time() - began)
    gc.enable()
    return fastest


@pytest.mark.parametrize("goes_on", [False, True], ids=["settled", "live"])
@pytest.mark.parametrize("name", REPEATED)
def test_twice_the_text_takes_less_than_three_times_the_time(name: str, goes_on: bool) -> None:
    before, repeated = REPEATED[name]
    short, long = (before + (repeated * length)[:length] for length in (CHARS, 8 * CHARS))

    # What takes no time at all grows by chance.
    least = max(seconds(short, goes_on=goes_on, tries=3), 0.002)
    assert seconds(long, goes_on=goes_on, tries=1) < 3**3 * least
