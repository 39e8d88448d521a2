"""Avatars: rings and tails like our mark, drawn by us; eight shapes in six colours, named by a short code."""

# Ground and line of each colour; both stay readable on light and dark pages.
_COLOURS = (
    ("#0E7466", "#DFF3EE"),
    ("#CFE9E2", "#0B5C51"),
    ("#F4E3B2", "#7A570E"),
    ("#F7D8CB", "#A93516"),
    ("#2B302E", "#E9C46A"),
    ("#DDD8CC", "#3F4348"),
)
# Strokes in a square of 64, around its middle; a point is a dot.
_SHAPES = {
    "a": "M36 47.5A16 16 0 1 1 47 37.5C45.7 41.1 47 45.5 50.8 49.3",
    "b": "M28 47.5A16 16 0 1 0 17 37.5C18.3 41.1 17 45.5 13.2 49.3M32 32h.01",
    "c": "M17 34a15 15 0 0 0 30 0M23 21h.01M41 21h.01",
    "d": "M24 20a13 13 0 1 0 13 13M40 44a13 13 0 1 0-13-13",
    "e": "M14 27c5-8 12-8 18 0s13 8 18 0M14 42c5-8 12-8 18 0s13 8 18 0",
    "f": "M32 48V32a9 9 0 1 1 9 9M32 32a9 9 0 1 0-9 9",
    "g": "M46 24a16 16 0 1 0 0 16M44 32h.01M32 32h.01",
    "h": "M48 32a16 16 0 1 1-16-16c7 0 11 5 11 11s-4.5 10-10 10-8-4-8-8 3-6 6-6",
}

AVATARS = tuple(f"{shape}{colour}" for shape in _SHAPES for colour in range(len(_COLOURS)))


def avatar_svg(code: str) -> str:
    """The picture of a code, as an SVG document. Raises KeyError for a code that is not in AVATARS."""
    if code not in AVATARS:
        raise KeyError(code)
    ground, line = _COLOURS[int(code[1])]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" width="64" height="64">'
        f'<rect width="64" height="64" fill="{ground}"/>'
        f'<path d="{_SHAPES[code[0]]}" fill="none" stroke="{line}" stroke-width="6.5"'
        ' stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )
