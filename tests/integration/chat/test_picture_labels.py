"""A picture that a model drew says so, to people and to programs; whoever changes it is seen."""

import json
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from apps.chat import services
from apps.chat.imaging import files as picture_files
from apps.chat.imaging import records
from apps.chat.imaging.cleaning import clean
from tests.integration.chat.drawn import drawn


def labelled(kind: str = "PNG", *, size: tuple[int, int] = (200, 120)) -> bytes:
    """A picture as store_made() keeps it."""
    (stored,) = services.store_made(pictures=[clean(drawn(kind, size=size), is_made=True)])
    content = picture_files.read(stored.id)
    assert len(content) == stored.bytes
    assert services.verify_label(content=content).produce_id == str(stored.id)
    return content


def verified(content: bytes, tmp_path: Path) -> str:
    """What `manage.py verify_label` prints."""
    file = tmp_path / "file"
    file.write_bytes(content)
    said = StringIO()
    call_command("verify_label", str(file), stdout=said)
    return said.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_record_is_in_the_file_and_read_back(kind: str, tmp_path: Path) -> None:
    content = labelled(kind)

    assert "written by this site, and unchanged since" in verified(content, tmp_path)
    # As everybody else reads it.
    with Image.open(BytesIO(content)) as image:
        image.load()
        packet = image.info.get("XML:com.adobe.xmp") or image.info["xmp"].decode()
    assert 'xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"' in packet
    assert "digitalsourcetype/trainedAlgorithmicMedia" in packet
    record = json.loads(packet.split("<TC260:AIGC>")[1].split("</TC260:AIGC>")[0])
    assert (record["Label"], record["ContentProducer"], record["PropagateID"]) == ("1", "Chatloop", record["ProduceID"])


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_whoever_changes_it_is_seen(kind: str, tmp_path: Path) -> None:
    content = labelled(kind)
    at = len(content) - 20
    for changed in (
        content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :],
        content.replace(b'"ContentPropagator":"Chatloop"', b'"ContentPropagator":"Somebody"', 1),
        content + b"more",
    ):
        assert changed != content
        with pytest.raises(CommandError, match="not as this site wrote it"):
            verified(changed, tmp_path)


def test_a_picture_without_its_record_has_no_label(tmp_path: Path) -> None:
    apart = records.taken_apart(labelled())
    assert apart is not None
    for content in (apart[0], drawn(), drawn("WEBP"), b"\x89PNG\r\n\x1a\n\x00", b"\xff\xd8\xff"):
        with pytest.raises(CommandError, match="no AI label"):
            verified(content, tmp_path)


def test_a_producer_of_any_signs_is_told_as_it_is(settings: object) -> None:
    settings.AI_LABEL_PRODUCER = "圈聊 & <Co>"  # type: ignore[attr-defined]

    found = services.verify_label(content=labelled())

    assert (found.producer, found.is_ours) == ("圈聊 & <Co>", True)


def test_a_label_is_read_in_a_webp_too() -> None:
    packet = b'<x TC260:AIGC="{&quot;Label&quot;:&quot;1&quot;,&quot;ContentProducer&quot;:&quot;001&quot;}"/>'

    found = services.verify_label(content=drawn("WEBP", xmp=packet))

    assert (found.label, found.producer, found.is_ours, found.has_code) == ("1", "001", False, False)


@pytest.mark.parametrize("size", [(1024, 768), (300, 900), (64, 48), (8, 8)])
def test_the_mark_is_a_twentieth_of_the_shorter_side_and_in_the_corner(size: tuple[int, int]) -> None:
    plain = Image.new("RGB", size, "white")
    file = BytesIO()
    plain.save(file, "PNG")
    with Image.open(BytesIO(clean(file.getvalue(), is_made=True).content)) as image:
        marked = image.convert("L").point(lambda value: 255 if value < 250 else 0)

    left, top, right, bottom = marked.getbbox() or (0, 0, 0, 0)
    assert (right, bottom) == size
    # Its ground is higher than its signs by a third above and below.
    assert (bottom - top) / 1.75 >= min(size) * 0.05
    assert right - left > 2 * (bottom - top)


def test_what_members_send_is_not_marked() -> None:
    assert services.verify_label(content=clean(drawn()).content).label == ""
