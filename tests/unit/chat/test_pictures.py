"""Pictures of strangers: what is drawn anew, what is refused, and what of a file stays behind."""

from io import BytesIO

import pytest
from PIL import Image

from apps.chat.contracts import PictureType
from apps.chat.errors import PictureNotUnderstood, PictureTooLarge
from apps.chat.imaging.cleaning import clean
from apps.chat.rules import pictures
from tests.integration.chat.drawn import bomb, drawn

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
SVG = b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


def seen(content: bytes) -> Image.Image:
    image = Image.open(BytesIO(content))
    image.load()
    return image


def is_about(pixel: object, colour: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(one - other) < 12 for one, other in zip(pixel, colour, strict=True))


@pytest.mark.parametrize(
    ("content", "kept_as"),
    [
        (drawn("PNG"), PictureType.PNG),
        (drawn("JPEG"), PictureType.JPEG),
        (drawn("WEBP", lossless=True), PictureType.PNG),
        (drawn("GIF", mode="P"), PictureType.PNG),
        (drawn("JPEG", mode="CMYK"), PictureType.JPEG),
        (drawn("PNG", mode="P"), PictureType.PNG),
        (drawn("PNG", size=(2, 1)), PictureType.PNG),
    ],
    ids=["png", "jpeg", "webp", "gif", "cmyk", "palette", "tiny"],
)
def test_a_picture_is_drawn_anew(content: bytes, kept_as: PictureType) -> None:
    found = clean(content)
    image = seen(found.content)

    assert (found.media_type, image.mode, image.size) == (kept_as, "RGB", (found.width, found.height))
    assert is_about(image.getpixel((0, 0)), RED)
    assert is_about(image.getpixel((image.width - 1, 0)), BLUE)


def test_of_several_frames_the_first_is_kept() -> None:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    for kind in ("GIF", "WEBP", "PNG"):
        file = BytesIO()
        first.save(file, kind, save_all=True, append_images=[second], duration=100)
        image = seen(clean(file.getvalue()).content)

        assert is_about(image.getpixel((4, 4)), RED)
        assert getattr(image, "n_frames", 1) == 1


def test_sixteen_bits_become_eight() -> None:
    image = Image.new("I;16", (2, 1))
    image.putpixel((0, 0), 65535)
    image.putpixel((1, 0), 100 * 256)
    file = BytesIO()
    image.save(file, "PNG")

    found = seen(clean(file.getvalue()).content)

    assert [found.getpixel((at, 0)) for at in (0, 1)] == [WHITE, (100, 100, 100)]


def test_what_is_transparent_becomes_white() -> None:
    file = BytesIO()
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(file, "PNG")

    assert seen(clean(file.getvalue()).content).getpixel((1, 1)) == WHITE


def test_it_stands_upright_and_nothing_is_left_of_its_camera() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif[0x010F] = "Camera of Alice"
    for kind in ("JPEG", "PNG", "WEBP"):
        content = drawn(kind, exif=exif, icc_profile=b"a profile", xmp=b"<x>Alice</x>")
        assert b"Alice" in content

        found = clean(content)
        image = seen(found.content)

        assert (found.width, found.height) == image.size == (20, 40)
        assert is_about(image.getpixel((10, 2)), RED)
        assert b"Alice" not in found.content
        assert not dict(image.getexif())
        assert not {"exif", "icc_profile", "xmp", "XML:com.adobe.xmp", "comment"} & image.info.keys()


def test_comments_and_texts_stay_behind() -> None:
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415

    said = PngInfo()
    said.add_text("Author", "Alice", zip=True)
    said.add_itxt("Place", "Alice's home")

    assert clean(drawn("PNG", pnginfo=said)).content == clean(drawn("PNG")).content
    assert b"Alice" not in clean(drawn("JPEG", comment="by Alice")).content


def test_a_large_picture_is_kept_no_larger_than_a_model_looks_at() -> None:
    found = clean(drawn("JPEG", size=(5000, 2500)))

    assert (found.width, found.height) == (pictures.LONGEST_SIDE, pictures.LONGEST_SIDE // 2)
    assert clean(drawn("PNG", size=(4000, 8)), is_made=True).width == 4000


def test_a_made_picture_is_no_larger_than_models_draw() -> None:
    larger = bomb(side=4_104)

    with pytest.raises(PictureTooLarge):
        clean(larger, is_made=True)
    assert clean(larger).width == pictures.LONGEST_SIDE


def test_noise_without_a_loss_would_be_too_much() -> None:
    noise = Image.effect_noise((800, 800), 90).convert("RGB")
    file = BytesIO()
    noise.save(file, "PNG")

    assert clean(file.getvalue()).media_type is PictureType.JPEG
    assert clean(file.getvalue(), is_made=True).media_type is PictureType.PNG


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        SVG,
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff" + b"\x00" * 100,
        b"RIFF\x00\x00\x00\x00WEBP",
        drawn("TIFF"),
        drawn("BMP"),
        drawn("ICO"),
        drawn("PDF"),
        drawn("PNG")[:-40],
        drawn("JPEG", size=(400, 400))[:-200],
        drawn("WEBP")[:-10],
        b"\x89PNG\r\n\x1a\n" + drawn("JPEG"),
    ],
    ids=lambda content: f"{content[:8]!r}",
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(PictureNotUnderstood):
        clean(content)


@pytest.mark.parametrize(
    "content",
    [bomb(), drawn("PNG", size=(20_000, 1)), drawn("PNG", size=(1, 20_000)), b"\x89PNG" + b"x" * pictures.MAX_BYTES],
    ids=["bomb", "wide", "high", "bytes"],
)
def test_what_is_too_large_is_refused_before_it_is_unpacked(content: bytes) -> None:
    with pytest.raises(PictureTooLarge):
        clean(content)


def test_a_lie_about_its_size_is_no_picture() -> None:
    content = bytearray(drawn("PNG"))
    content[16:24] = b"\x00\x00\x10\x00\x00\x00\x10\x00"

    with pytest.raises(PictureNotUnderstood):
        clean(bytes(content))


def test_a_picture_counts_as_it_does_for_openai() -> None:
    counted = [
        ((1024, 1024, "auto"), 765),
        ((2048, 4096, "high"), 1105),
        ((4096, 8192, "low"), 85),
        ((1, 1, "auto"), 255),
        ((512, 512, "auto"), 255),
    ]
    for (width, height, detail), tokens in counted:
        assert pictures.picture_tokens(width=width, height=height, detail=detail) == tokens
