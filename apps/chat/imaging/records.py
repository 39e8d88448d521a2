"""The record that programs read in a picture's file: XMP with the property TC260:AIGC, as annex E's guide says it.

Whole chunks and segments are put in and taken out, without Pillow: it drops what it does not know, and would pack the
picture anew, while the code in the record is over every other byte of the file.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from html import unescape
from xml.sax.saxutils import escape

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_XMP = b"XML:com.adobe.xmp\0\0\0\0\0"
_JPEG = b"\xff\xd8"
_JPEG_XMP = b"\xff\xe1"
_XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"
_START_OF_SCAN = 0xDA
_MOST_PACKET_BYTES = 60_000
_HEAD = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    ' xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"'
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"><TC260:AIGC>'
)
# What the same means elsewhere: made by a trained algorithm.
_TAIL = (
    "</TC260:AIGC><Iptc4xmpExt:DigitalSourceType>"
    "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    "</Iptc4xmpExt:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>"
    '<?xpacket end="w"?>'
)
# As an element or as an attribute; nothing else of XML is read, so that no entity of it does anything.
_SAID = re.compile(r"<TC260:AIGC>([^<]*)</TC260:AIGC>|\bTC260:AIGC=(?:\"([^\"]*)\"|'([^']*)')")


def with_record(content: bytes, record: str) -> bytes:
    """A PNG or a JPEG that has no XMP, with this record in it."""
    packet = f"{_HEAD}{escape(record)}{_TAIL}".encode()
    if content.startswith(_PNG):
        # Behind the head, which says the size and is always as long.
        at = len(_PNG) + 25
        data = b"iTXt" + _PNG_XMP + packet
        return (
            content[:at] + struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data)) + content[at:]
        )
    segment = _XMP_NAME + packet
    return _JPEG + _JPEG_XMP + struct.pack(">H", len(segment) + 2) + segment + content[len(_JPEG) :]


def taken_apart(content: bytes) -> tuple[bytes, str | None] | None:
    """The bytes of a PNG, JPEG or WebP without its XMP, and what the record in that says, None without one.

    None for what is no such picture.
    """
    rest, packet = [], b""
    try:
        for piece, found in _pieces(content):
            packet = packet or found
            if not found:
                rest.append(piece)
    except (struct.error, IndexError):
        return None
    if not rest:
        return None
    said = _SAID.search(packet[:_MOST_PACKET_BYTES].decode("utf-8", "replace"))
    return b"".join(rest), unescape(next(text for text in said.groups() if text is not None)) if said else None


def _pieces(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The file piece by piece, each with the packet of XMP that it is, if it is one."""
    if content.startswith(_PNG):
        yield from _of_png(content)
    elif content.startswith(_JPEG):
        yield from _of_jpeg(content)
    elif content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        yield from _of_webp(content)


def _of_png(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    yield content[: len(_PNG)], b""
    at = len(_PNG)
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        piece = content[at : at + 12 + length]
        data = piece[8:-4]
        yield piece, data[len(_PNG_XMP) :] if piece[4:8] == b"iTXt" and data.startswith(_PNG_XMP) else b""
        at += 12 + length


def _of_jpeg(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    yield content[:2], b""
    at = 2
    while content[at] == 0xFF and content[at + 1] != _START_OF_SCAN:
        (length,) = struct.unpack_from(">H", content, at + 2)
        piece = content[at : at + 2 + length]
        data = piece[4:]
        yield piece, data[len(_XMP_NAME) :] if piece[:2] == _JPEG_XMP and data.startswith(_XMP_NAME) else b""
        at += 2 + length
    yield content[at:], b""


def _of_webp(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    # Without the length of the whole, which counts the XMP.
    yield content[:4] + content[8:12], b""
    at = 12
    while at < len(content):
        (length,) = struct.unpack_from("<I", content, at + 4)
        piece = content[at : at + 8 + length + length % 2]
        yield piece, piece[8 : 8 + length] if piece[:4] == b"XMP " else b""
        at += 8 + length + length % 2
