"""Images of the demo model, asked for and answered as OpenAI's models are, or as Zhipu's CogView.

What it draws stands in engine/drawings.py; which model names misbehave in rules/faults.py.
"""

import base64
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from struct import pack
from typing import Any

from apps.sandbox.engine import drawings, tokens
from apps.sandbox.engine.completions import NotValid

MODEL = "demo-painter"
_MOST_IMAGES, _MOST_PROMPT_CHARS = 10, 32_000
SIZES = {
    f"{width}x{height}": (width, height)
    for width, height in (
        *((256, 256), (512, 512), (1024, 1024), (1024, 1536), (1536, 1024), (1024, 1792), (1792, 1024)),
        *((864, 1152), (1152, 864), (768, 1344), (1344, 768), (720, 1440), (1440, 720)),
    )
}
_QUALITIES = {"low", "medium", "high", "standard", "hd", "auto"}
_NAMES = {"model", "prompt", "n", "size", "quality", "style", "response_format", "user", "user_id"}
# What OpenAI counts for a square one.
_TOKENS_OF_AN_IMAGE = 272
# Zhipu's word for what nothing is wrong with.
_HARMLESS = 3
_PAGE = b"<!doctype html><title>Sign in</title><h1>Sign in to see this picture</h1>"
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><rect width="9" height="9"/></svg>'
_HUGE_BYTES = 60_000_000
_BOMB_SIDE = 30_000
# What an address holds in place of a seed where it leads on.
ELSEWHERE = "elsewhere"


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """A checked request."""

    model: str
    prompt: str
    number: int
    size: tuple[int, int]
    quality: str
    wants_bytes: bool


def read(body: Any, *, is_zhipu: bool) -> ImageRequest:
    """Check a request's shape; raises NotValid. CogView takes no number and gives no bytes."""
    if not isinstance(body, dict):
        raise NotValid("the body must be a JSON object")
    known = _NAMES - {"n", "style", "response_format"} if is_zhipu else _NAMES
    for name in body:
        if name not in known:
            raise NotValid(f"Unknown parameter: '{name}'.", param=name)
    prompt, number = body.get("prompt"), body.get("n", 1)
    if not isinstance(prompt, str) or not 0 < len(prompt) <= _MOST_PROMPT_CHARS:
        raise NotValid("prompt must be a text", param="prompt")
    if not isinstance(number, int) or not 1 <= number <= _MOST_IMAGES:
        raise NotValid(f"n must be a number from 1 to {_MOST_IMAGES}", param="n")
    size, quality = body.get("size", "1024x1024"), body.get("quality", "auto")
    if size not in SIZES:
        raise NotValid(f"Invalid size '{size}'.", param="size")
    if quality not in _QUALITIES:
        raise NotValid(f"Invalid quality '{quality}'.", param="quality")
    return ImageRequest(
        model=str(body.get("model", "")),
        prompt=prompt,
        number=number,
        size=SIZES[size],
        quality=quality,
        wants_bytes=not is_zhipu and body.get("response_format") == "b64_json",
    )


def struck(asked: ImageRequest, fault: str) -> ImageRequest:
    """The same, as a model of this fault is asked."""
    return replace(asked, model=fault)


def answer(asked: ImageRequest, *, is_zhipu: bool, address_of: Callable[[str], str]) -> dict[str, Any]:
    """The whole answer, with the fault of the model's name, if it is one of these. Slow: for a thread."""
    data = [_image(asked, number, address_of) for number in range(asked.number)]
    if asked.model == "fault-images-few":
        data = data[:-1]
    if asked.model == "fault-images-filtered":
        return {"created": int(time.time()), "data": [], "content_filter": [{"role": "assistant", "level": 0}]}
    told: dict[str, Any] = {"created": int(time.time()), "data": data}
    if is_zhipu:
        return {**told, "content_filter": [{"role": "assistant", "level": _HARMLESS}]}
    told |= {"size": f"{asked.size[0]}x{asked.size[1]}", "quality": asked.quality, "output_format": "png"}
    if asked.model != "fault-no-usage":
        told["usage"] = _usage(asked)
    return told


def _usage(asked: ImageRequest) -> dict[str, Any]:
    read, written = len(tokens.split(asked.prompt)), _TOKENS_OF_AN_IMAGE * asked.number
    return {
        "input_tokens": read,
        "input_tokens_details": {"text_tokens": read, "image_tokens": 0},
        "output_tokens": written,
        "total_tokens": read + written,
    }


def _image(asked: ImageRequest, number: int, address_of: Callable[[str], str]) -> dict[str, Any]:
    seed = drawings.seed_of(asked.prompt, number)
    revised = {"revised_prompt": f"Hills under a wide sky, as for: {asked.prompt[:200]}"}
    if asked.model == "fault-images-elsewhere":
        return {"url": "http://127.0.0.1:9/picture.png", **revised}
    if asked.model == "fault-images-redirect":
        return {"url": address_of(ELSEWHERE), **revised}
    if asked.model == "fault-images-garbage":
        return {"b64_json": "no base64!", **revised}
    if asked.model in _CONTENTS:
        return {"b64_json": base64.b64encode(_CONTENTS[asked.model]()).decode(), **revised}
    if asked.wants_bytes:
        return {"b64_json": base64.b64encode(drawings.draw(seed, asked.size)).decode(), **revised}
    return {"url": address_of(f"{seed}-{asked.size[0]}x{asked.size[1]}.png"), **revised}


def drawn(name: str) -> bytes | None:
    """The picture at an address, by its name; None where there is none. Slow: for a thread."""
    seed, dash, size = name.removesuffix(".png").partition("-")
    is_seed = dash and len(seed) == 64 and all(sign in "0123456789abcdef" for sign in seed)
    return drawings.draw(seed, SIZES[size]) if is_seed and size in SIZES else None


def _bomb() -> bytes:
    """A PNG of little that says, truly, that it is a square of nine hundred million pixels."""
    head = pack(">IIBBBBB", _BOMB_SIDE, _BOMB_SIDE, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(1 + _BOMB_SIDE // 8)
    data = b"".join(packer.compress(row) for _ in range(_BOMB_SIDE)) + packer.flush()
    parts = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">I", len(content)) + name + content + pack(">I", zlib.crc32(name + content)) for name, content in parts
    )


_CONTENTS: dict[str, Callable[[], bytes]] = {
    "fault-images-page": lambda: _PAGE,
    "fault-images-svg": lambda: _SVG,
    "fault-images-bomb": _bomb,
    "fault-images-huge": lambda: b"\x89PNG\r\n\x1a\n" + bytes(_HUGE_BYTES),
}
