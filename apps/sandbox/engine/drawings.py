"""What the demo model draws: hills under a sky, which the words of a prompt and the number of the image decide.

The same prompt gets the same pictures. An address holds all that its picture is made of, so nothing is kept.
"""

import hashlib
import math
from io import BytesIO

from PIL import Image, ImageDraw

# Sky above, sky below, and the farthest and the nearest hills, for each hour of the day.
_HOURS = (
    ((34, 87, 160), (196, 222, 240), (120, 160, 170), (28, 84, 62)),
    ((92, 58, 120), (248, 180, 128), (150, 104, 132), (54, 34, 66)),
    ((12, 16, 48), (54, 66, 120), (38, 48, 92), (8, 12, 30)),
    ((120, 170, 196), (250, 238, 214), (176, 196, 168), (72, 104, 60)),
    ((178, 64, 58), (252, 212, 140), (170, 92, 84), (70, 30, 40)),
)
_HILLS = 5
_WAVES = 3
_STEP = 4


def seed_of(prompt: str, number: int) -> str:
    """What decides a picture: of the image of this number, from 0, of a prompt."""
    return hashlib.sha256(f"{number}\n{prompt}".encode()).hexdigest()


def draw(seed: str, size: tuple[int, int], *, kind: str = "PNG") -> bytes:
    """The picture of this seed, which is 64 hex digits, as a file. Takes a tenth of a second: for a thread."""
    dice = bytes.fromhex(seed)
    above, below, far, near = _HOURS[dice[0] % len(_HOURS)]
    image = _sky(size, above, below)
    pen = ImageDraw.Draw(image)
    _sun(pen, size, dice)
    for hill in range(_HILLS):
        share = hill / (_HILLS - 1)
        pen.polygon(_outline(size, dice[4 + hill * 5 : 9 + hill * 5], share), fill=_between(far, near, share))
    file = BytesIO()
    image.save(file, kind, compress_level=1)
    return file.getvalue()


def _sky(size: tuple[int, int], above: tuple[int, int, int], below: tuple[int, int, int]) -> Image.Image:
    bands = [Image.new("L", (1, 2)) for _ in range(3)]
    for band, top, bottom in zip(bands, above, below, strict=True):
        band.putpixel((0, 0), top)
        band.putpixel((0, 1), bottom)
    return Image.merge("RGB", [band.resize(size, Image.Resampling.BILINEAR) for band in bands])


def _sun(pen: ImageDraw.ImageDraw, size: tuple[int, int], dice: bytes) -> None:
    width, height = size
    radius = min(size) * (0.05 + dice[1] / 255 * 0.07)
    x, y = width * (0.15 + dice[2] / 255 * 0.7), height * (0.12 + dice[3] / 255 * 0.25)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 244, 214))


def _outline(size: tuple[int, int], dice: bytes, share: float) -> list[tuple[float, float]]:
    """A range of hills, nearer ones lower down: a few waves on top of each other, and the ground below."""
    width, height = size
    level, swing = height * (0.42 + 0.4 * share), height * (0.1 - 0.05 * share)
    waves = [(1 + wave * 1.7 + dice[wave] / 128, dice[wave + 1] / 40, 1 / (wave + 1)) for wave in range(_WAVES)]
    ridge = []
    for x in range(0, width + _STEP, _STEP):
        rise = sum(math.sin(x / width * math.tau * often + ahead) * much for often, ahead, much in waves)
        ridge.append((float(x), level - swing * rise))
    return [(0.0, float(height)), *ridge, (float(width), float(height))]


def _between(one: tuple[int, int, int], other: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
