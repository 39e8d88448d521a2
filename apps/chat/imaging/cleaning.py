"""Pictures of strangers, drawn anew: of the file that came nothing is kept but what can be seen. Slow: for threads.

Every byte is hostile. A type is what the first bytes say, never a name or a header; the size is read before anything is
unpacked; and one picture at a time is, so that many at once take no more memory than one.
"""

import struct
import zlib
from io import BytesIO
from math import ceil
from threading import Lock

from PIL import Image, ImageOps

from apps.chat import errors
from apps.chat.contracts import CleanPicture, PictureType
from apps.chat.imaging.marks import mark
from apps.chat.rules import pictures

# By their first bytes: Pillow's name of what such a file is. It is asked for nothing else.
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)
# What Pillow raises for files that are broken or mean harm, by the type of the file.
_BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
)
_TOO_MUCH = (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError)
_JPEG_QUALITY = 88
# A colour of sixteen bits to one of eight.
_SIXTEEN_TO_EIGHT = 1 / 256
_MEGAPIXEL = 1_000_000
_one_at_a_time = Lock()


def clean(content: bytes, *, is_made: bool = False, written_as: PictureType | None = None) -> CleanPicture:
    """This picture, upright, without its file's metadata, no larger than it is kept; of several the first.

    `is_made`: a model drew it, so that it stays as large as models draw, and is marked as generated. What is
    transparent becomes white. Without `written_as` what came as JPEG stays one; what is too long as PNG becomes one.
    Raises PictureNotUnderstood, PictureTooLarge.
    """
    limit = pictures.MAX_MADE_BYTES if is_made else pictures.MAX_BYTES
    if len(content) > limit:
        raise errors.PictureTooLarge(limit=limit)
    kind = _kind_of(content)
    if kind is None:
        raise errors.PictureNotUnderstood
    most_png = pictures.MAX_MADE_BYTES if is_made else pictures.MAX_PNG_BYTES
    with _one_at_a_time:
        try:
            with Image.open(BytesIO(content), formats=(kind,)) as image:
                drawn = _drawn(image, is_made=is_made)
            if is_made:
                mark(drawn)
            is_jpeg = kind == "JPEG" if written_as is None else written_as is PictureType.JPEG
            return _written(drawn, is_photograph=is_jpeg, most_png_bytes=most_png)
        except _TOO_MUCH:
            raise errors.PictureTooLarge from None
        except _BROKEN:
            raise errors.PictureNotUnderstood from None


def megapixels_of(content: bytes) -> int:
    """How much work it is to draw this picture: by its head, in millions of pixels, 1 or more. Nothing is unpacked.

    Raises PictureNotUnderstood, PictureTooLarge.
    """
    kind = _kind_of(content)
    if kind is None:
        raise errors.PictureNotUnderstood
    try:
        with Image.open(BytesIO(content), formats=(kind,)) as image:
            _check_size(image, is_made=False)
            pixels = image.width * image.height
    except _TOO_MUCH:
        raise errors.PictureTooLarge from None
    except _BROKEN:
        raise errors.PictureNotUnderstood from None
    return ceil(pixels / _MEGAPIXEL / (4 if kind == "JPEG" else 1))


def _kind_of(content: bytes) -> str | None:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for beginning, kind in _BEGINNINGS if content.startswith(beginning)), None)


def _drawn(image: Image.Image, *, is_made: bool) -> Image.Image:
    """The picture in red, green and blue. What the file says of its colours and its camera stays behind."""
    _check_size(image, is_made=is_made)
    side = pictures.LONGEST_MADE_SIDE if is_made else pictures.LONGEST_SIDE
    if _is_photograph(image):
        # Unpacked at a half or a quarter where that is enough.
        image.draft(None, (side, side))
    image.load()
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _on_white(upright)


def _check_size(image: Image.Image, *, is_made: bool) -> None:
    most = pictures.MAX_PIXELS_OF_JPEG if _is_photograph(image) else pictures.MAX_PIXELS
    if is_made:
        most = pictures.MAX_MADE_PIXELS
    if image.width * image.height > most or max(image.size) > pictures.MAX_SIDE:
        raise errors.PictureTooLarge


def _is_photograph(image: Image.Image) -> bool:
    return image.format in {"JPEG", "MPO"}


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow would cut what is brighter than eight bits to white.
        image = image.convert("F").point(lambda value: value * _SIXTEEN_TO_EIGHT + 0).convert("L")
    if not image.has_transparency_data:
        return image.convert("RGB")
    seen = image.convert("RGBA")
    white = Image.new("RGBA", seen.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, seen).convert("RGB")


def _written(image: Image.Image, *, is_photograph: bool, most_png_bytes: int) -> CleanPicture:
    image.info.clear()
    content, media_type = b"", PictureType.JPEG
    if not is_photograph:
        content, media_type = _saved(image, "PNG", compress_level=6), PictureType.PNG
    if is_photograph or len(content) > most_png_bytes:
        content, media_type = _saved(image, "JPEG", quality=_JPEG_QUALITY), PictureType.JPEG
    return CleanPicture(media_type=media_type, content=content, width=image.width, height=image.height)


def _saved(image: Image.Image, kind: str, **options: int) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
