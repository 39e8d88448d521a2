"""Markdown of answers as safe HTML: no raw HTML, no images, coloured code, formulas as MathML, cleaned at the end.

Nothing here knows Django: the site renders in a process of its own (`python -m apps.chat.markup`).
"""

from apps.chat.markup.blocks import Block, Words, normal, plain_blocks, render_blocks
from apps.chat.markup.growing import GrowingText, Seen

__all__ = ["Block", "GrowingText", "Seen", "Words", "normal", "plain_blocks", "render_blocks"]
