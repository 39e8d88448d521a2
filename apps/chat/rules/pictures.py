"""What a picture may be, how many there may be, and what one counts as."""

from datetime import timedelta
from math import ceil

# Of a file as it is sent, and as it is kept: what a model made may be larger than what members send.
MAX_BYTES = 8 * 1024 * 1024
MAX_MADE_BYTES = 20 * 1024 * 1024
# Of the picture in such a file: a small one can say that it is a square kilometre. A photograph is unpacked no larger
# than it is wanted, so it may be what the cameras of phones take.
MAX_SIDE = 16_384
MAX_PIXELS = 25_000_000
MAX_PIXELS_OF_JPEG = 50_000_000
# The longest side as it is kept: no model looks at more of what it is shown. What a model made stays as it is.
LONGEST_SIDE = 2048
LONGEST_MADE_SIDE = 4096
# Without a loss, up to so many bytes.
MAX_PNG_BYTES = 1024 * 1024

PER_MESSAGE = 9
PER_REQUEST = 20
# How long one waits for the question that it is chosen for.
WAITS = timedelta(days=1)
UPLOADS_PER_HOUR = 200
# A file without a row may be one whose row is being written.
FILE_WAITS = timedelta(hours=1)

# OpenAI's count: so many tokens for a picture, and for each tile of it, once it is drawn as small as this.
_TOKENS, _TOKENS_PER_TILE = 85, 170
_TILE, _SHORTEST, _LONGEST = 512, 768, 2048


def picture_tokens(*, width: int, height: int, detail: str) -> int:
    """Our count of a picture of so many pixels: what OpenAI counts for it; other providers count less, as a rule."""
    if detail == "low":
        return _TOKENS
    fitted = min(1.0, _LONGEST / max(width, height))
    fitted = min(fitted, _SHORTEST / min(width, height))
    tiles = ceil(width * fitted / _TILE) * ceil(height * fitted / _TILE)
    return _TOKENS + _TOKENS_PER_TILE * tiles
