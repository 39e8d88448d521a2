"""What a picture may be, how many there may be, and what one counts as."""

from base64 import b64decode
from datetime import timedelta
from math import ceil

from apps.chat import errors

# Of a file as it is sent, and as it is kept: what a model made may be larger than what members send.
MAX_BYTES = 8 * 1024 * 1024
MAX_MADE_BYTES = 20 * 1024 * 1024
# Of the picture in such a file: a small one can say that it is a square kilometre. A photograph is unpacked no larger
# than it is wanted, so it may be what the cameras of phones take.
MAX_SIDE = 16_384
MAX_PIXELS = 25_000_000
MAX_PIXELS_OF_JPEG = 50_000_000
# The largest that models draw. Nobody asked for more, and others would wait for it.
MAX_MADE_PIXELS = 4096 * 4096
# The longest side as it is kept: no model looks at more of what it is shown. What a model made stays as it is.
LONGEST_SIDE = 2048
LONGEST_MADE_SIDE = 4096
# Without a loss, up to so many bytes.
MAX_PNG_BYTES = 1024 * 1024
# How large one that is drawn will be is known when it is there. Where there is less room than this, none is begun.
LEAST_MADE_BYTES = 256 * 1024

# How closely a model may be asked to look.
DETAILS = ("auto", "low", "high")
PER_MESSAGE = 9
PER_REQUEST = 20
# How long one waits for the question that it is chosen for.
WAITS = timedelta(days=1)
UPLOADS_PER_HOUR = 200
# What programs of one member may have drawn, in millions of pixels: to unpack so many takes some minutes. Of a
# photograph a quarter counts, since it is unpacked smaller.
MEGAPIXELS_PER_HOUR = 4_000
# A file without a row may be one whose row is being written.
FILE_WAITS = timedelta(hours=1)

# OpenAI's count: so many tokens for a picture, and for each tile of it, once it is drawn as small as this.
_TOKENS, _TOKENS_PER_TILE = 85, 170
_TILE, _SHORTEST, _LONGEST = 512, 768, 2048


def bytes_of(uri: str) -> bytes:
    """The bytes of a data: URI. What type it says that they are is nobody's to believe.

    Raises ParameterNotOffered for any other address, PictureTooLarge, PictureNotUnderstood.
    """
    scheme, _, said = uri.partition(":")
    if scheme.lower() != "data":
        # Nothing is fetched for it.
        raise errors.ParameterNotOffered
    head, comma, data = said.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise errors.PictureNotUnderstood
    if len(data) > -(-MAX_BYTES // 3) * 4:
        raise errors.PictureTooLarge(limit=MAX_BYTES)
    try:
        return b64decode(data, validate=True)
    except ValueError:
        raise errors.PictureNotUnderstood from None


def picture_tokens(*, width: int, height: int, detail: str) -> int:
    """Our count of a picture of so many pixels: what OpenAI counts for it; other providers count less, as a rule."""
    if detail == "low":
        return _TOKENS
    fitted = min(1.0, _LONGEST / max(width, height))
    fitted = min(fitted, _SHORTEST / min(width, height))
    tiles = ceil(width * fitted / _TILE) * ceil(height * fitted / _TILE)
    return _TOKENS + _TOKENS_PER_TILE * tiles
