"""What a demo model sees of a picture: its type and its size, read from the first bytes of a data: URI."""

import base64
import struct
from collections.abc import Iterator
from typing import Any

_PNG = b"\x89PNG"
_JPEG = b"\xff\xd8"
# The segments of a JPEG that say its size.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def seen(content: Any) -> list[str]:
    """Each picture of a message, as "PNG 40×20"; raises ValueError for one that is no PNG or JPEG in a data: URI."""
    parts = content if isinstance(content, list) else []
    images = [part["image_url"] for part in parts if isinstance(part, dict) and part.get("type") == "image_url"]
    return [_looked_at(image.get("url") if isinstance(image, dict) else None) for image in images]


def _looked_at(url: Any) -> str:
    head, comma, data = str(url).partition(",")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise ValueError("image_url must be a data: URI")
    content = base64.b64decode(data, validate=True)
    try:
        if content.startswith(_PNG):
            width, height = struct.unpack_from(">II", content, 16)
            return f"PNG {width}×{height}"
        if content.startswith(_JPEG):
            width, height = next(_sizes(content))
            return f"JPEG {width}×{height}"
    except (struct.error, StopIteration, IndexError):
        pass
    raise ValueError("this image cannot be read")


def _sizes(content: bytes) -> Iterator[tuple[int, int]]:
    at = 2
    while content[at] == 0xFF:
        (length,) = struct.unpack_from(">H", content, at + 2)
        if content[at + 1] in _FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            yield width, height
        at += 2 + length
