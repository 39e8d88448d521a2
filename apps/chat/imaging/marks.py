"""The mark that people read in a picture: that a machine made it (GB 45438-2025), drawn in its lower right corner.

The standard wants "AI" and "generated" in it, at least a twentieth of the shorter side high. Its five signs are strokes
of ours, so that they look the same on every host, whatever fonts that has or has not.
"""

from math import ceil

from PIL import Image, ImageDraw

# The strokes of each sign in a square of a hundred, and how wide it is.
_A = (((6, 94), (44, 8), (82, 94)), ((20, 64), (68, 64)))
_I = (((14, 8), (14, 94)),)
_SHENG = (((30, 6), (12, 40)), ((22, 26), (86, 26)), ((24, 58), (80, 58)), ((8, 93), (92, 93)), ((52, 6), (52, 93)))
_CHENG = (
    ((20, 26), (90, 26)),
    ((20, 26), (20, 56), (6, 94)),
    ((20, 50), (42, 50), (40, 80), (30, 76)),
    ((54, 6), (60, 46), (74, 78), (90, 93), (94, 74)),
    ((82, 42), (66, 70), (44, 92)),
    ((68, 7), (80, 17)),
)
_SIGNS = ((_A, 88), (_I, 36), (_SHENG, 108), (_CHENG, 100))
_WIDTH = sum(width for _, width in _SIGNS)
_STROKE = 9
# Of the sign's height: what stands around the signs.
_PADDING = 0.35
_OF_SHORTER_SIDE = 0.055
# Smaller than this it can hardly be read, unless the picture itself is hardly larger.
_LEAST_HEIGHT = 16
_FINER = 4


def mark(image: Image.Image) -> None:
    """Draw the mark into a picture of red, green and blue."""
    shorter = min(image.size)
    height = max(ceil(shorter * _OF_SHORTER_SIDE), min(_LEAST_HEIGHT, shorter // 4), 1)
    sign = _sign(height)
    sign.thumbnail(image.size)
    image.paste(sign, (image.width - sign.width, image.height - sign.height), sign)


def _sign(height: int) -> Image.Image:
    """White on a dark ground that lets something through; signs of so many pixels."""
    scale = height * _FINER / 100
    padding = round(height * _FINER * _PADDING)
    size = (round(_WIDTH * scale) + 2 * padding, height * _FINER + 2 * padding)
    large = Image.new("RGBA", size, (0, 0, 0, 150))
    pen, left = ImageDraw.Draw(large), float(padding)
    for strokes, width in _SIGNS:
        for stroke in strokes:
            points = [(left + x * scale, padding + y * scale) for x, y in stroke]
            pen.line(points, fill="white", width=max(1, round(_STROKE * scale)), joint="curve")
        left += width * scale
    return large.resize((max(1, size[0] // _FINER), max(1, size[1] // _FINER)), Image.Resampling.LANCZOS)
