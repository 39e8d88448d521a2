"""Images: how they are asked for, and what of the answer is believed. Every byte is drawn anew before anybody sees it.

An answer is megabytes, and each image takes a tenth of a second to draw: it is read in a thread, and drawn in another,
one image after the other, so that answers that are being streamed go on in between, and members take turns.
"""

import asyncio
import base64
import binascii
import logging
import re
from dataclasses import dataclass, field, replace
from typing import Any

from apps.chat.contracts import CleanPicture, Job, Target
from apps.chat.engine import documents
from apps.chat.engine.answer_text import storable
from apps.chat.engine.dialects import Dialect
from apps.chat.engine.reading import Reading
from apps.chat.engine.upstream_errors import Complaint, UpstreamError
from apps.chat.engine.ways import Way
from apps.chat.errors import PictureNotUnderstood, PictureTooLarge
from apps.chat.imaging.cleaning import clean
from apps.chat.registries import Delta
from apps.chat.rules.images import OUTPUT_FORMAT, written_as
from apps.chat.rules.pictures import MAX_MADE_BYTES
from apps.kernel import outbound
from apps.kernel.turns import Turns

logger = logging.getLogger(__name__)

_MAX_REST_BYTES = 1024 * 1024
_MAX_REVISED_CHARS = 8_000
# For all that an answer names, which is fetched at once.
_FETCH_SECONDS = 60.0
# As such, or as an address that has them in it, which some say in either place; blanks and slashes may be escaped.
_GAP, _HEAD = rb"(?:\s|\\[nrt])*+", rb"data:image\\?/[a-z0-9.+-]{1,32};base64,"
_BYTES = re.compile(
    rb'"(?:b64_json"\s*+:\s*+"%b(?:%b)?+|url"\s*+:\s*+"%b%b)([^"]*+)"' % (_GAP, _HEAD, _GAP, _HEAD), re.IGNORECASE
)
# How base64 may be written inside JSON, in lines, or for addresses: to how it is read.
_ESCAPED = ((b"\\/", b"/"), (b"\\n", b""), (b"\\r", b""), (b"\\t", b""), (b"\\u002b", b"+"), (b"\\u002B", b"+"))
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_MAX_CHARS = -(-MAX_MADE_BYTES // 3) * 4
# Whoever waits for a picture to be drawn takes no thread from those who read and write.
_drawing = Turns("generate-draw")


@dataclass(frozen=True, kw_only=True)
class Said:
    """One image of an answer: its bytes, or else where they lie."""

    content: bytes | None = field(default=None, repr=False)
    url: str = field(default="", repr=False)
    revised_prompt: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Document:
    """What an answer says: its images, and the tokens that its provider counted."""

    images: tuple[Said, ...]
    usage: Delta


def patient(target: Target) -> Target:
    """The target of which nothing is heard while it draws: as long as for a first word, no silence means anything."""
    return replace(target, silence_seconds=max(target.silence_seconds, target.first_word_seconds))


def question(job: Job, target: Target, way: Way, dialect: Dialect) -> dict[str, Any]:
    """The body of the request."""
    body: dict[str, Any] = {"model": target.upstream_model, "prompt": job.turns[-1].text}
    if job.images > 1 and way.takes_number:
        body["n"] = job.images
    if job.image_size:
        body["size"] = job.image_size
    if job.image_quality:
        body["quality"] = job.image_quality
    if way.wants_bytes:
        body["response_format"] = "b64_json"
    # How they are written is ours.
    options = dialect.options({name: value for name, value in job.options.items() if name != OUTPUT_FORMAT})
    return body | {name: value for name, value in options.items() if name not in way.without}


async def read(reading: Reading, job: Job) -> Delta:
    """The images, as many as are wanted at most: those that can be drawn. Raises UpstreamError where there are none."""
    parts = []
    while chunk := await reading.chunk():
        # It has begun: from now on silence is measured.
        reading.has_words()
        parts.append(chunk)
    document = await asyncio.to_thread(read_document, b"".join(parts))
    parts.clear()
    wanted = document.images[: job.images]
    seconds = min(_FETCH_SECONDS, reading.ends_by - asyncio.get_running_loop().time())
    # At once: those that are there in time count, whichever of them are not.
    contents = await asyncio.gather(*(_content_of(said, seconds=seconds) for said in wanted), return_exceptions=True)
    drawn: list[CleanPicture] = []
    failure = None
    for said, content in zip(wanted, contents, strict=True):
        try:
            if isinstance(content, BaseException):
                raise content
            drawn.append(await _drawn(said, content, job))
        except UpstreamError as error:
            logger.warning("generation %s: an image is left out: %s", job.generation_id, error.detail)
            failure = error
    if failure is not None and not drawn:
        raise failure
    return document.usage._replace(pictures=tuple(drawn), finish_reason="stop")


def read_document(document: bytes) -> Document:
    """The images in a document, one or more. Raises UpstreamError."""
    contents: list[bytes | None] = []

    def put_aside(match: re.Match[bytes]) -> bytes:
        contents.append(_decoded(match[1]))
        return b'"b64_json":%d' % (len(contents) - 1)

    rest = _BYTES.sub(put_aside, document)
    if len(rest) > _MAX_REST_BYTES:
        raise _garbled("a document longer than any images")
    try:
        said = documents.read(rest, lambda value: value)
    except documents.Unreadable:
        raise _garbled("an unreadable document") from None
    data = said.get("data") if isinstance(said, dict) else None
    if isinstance(said, dict) and not data and said.get("content_filter"):
        # As Zhipu says it; with images beside it, it is about their prompt.
        raise UpstreamError("content_refused", "filtered")
    if isinstance(said, dict) and (said.get("error") or "data" not in said):
        # As an error is told behind a 200, with or without its envelope.
        raise Complaint.read(said).as_error()
    if not isinstance(data, list):
        raise _garbled("no list of images")
    images = tuple(_image(entry, contents) for entry in data if isinstance(entry, dict))
    if not images:
        raise UpstreamError("empty_answer", "no images")
    return Document(images=images, usage=_counted(said.get("usage")))


def _image(entry: dict[str, Any], contents: list[bytes | None]) -> Said:
    number, url, revised = entry.get("b64_json"), entry.get("url"), entry.get("revised_prompt")
    content = None
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(contents):
        # Once: who writes the number of another's bytes gets nobody to pay for the same picture twice.
        content, contents[number] = contents[number], None
    return Said(
        content=content,
        url=url if isinstance(url, str) else "",
        revised_prompt=storable(revised[:_MAX_REVISED_CHARS]) if isinstance(revised, str) else "",
    )


def _decoded(said: bytes) -> bytes | None:
    """The bytes in base64, also of such as is cut into lines, written for addresses, or without its last signs.

    None for what is none, or more than any image has.
    """
    # Escapes and line ends make it longer, and never twice as long.
    if len(said) > 2 * _MAX_CHARS:
        return None
    if b"\\" in said:
        for escaped, sign in _ESCAPED:
            said = said.replace(escaped, sign)
    said = said.translate(_URL_SAFE, b" \t\r\n")
    if len(said) > _MAX_CHARS:
        return None
    try:
        return base64.b64decode(said + b"=" * (-len(said) % 4), validate=True)
    except (ValueError, binascii.Error):
        return None


def _counted(usage: Any) -> Delta:
    """The tokens, by the names that OpenAI has for them here; some say nothing, and are paid by the image anyway."""
    said = usage if isinstance(usage, dict) else {}
    given = [said.get(name) for name in ("input_tokens", "output_tokens")]
    numbers = [isinstance(count, int) and not isinstance(count, bool) for count in given]
    read, written = given if all(numbers) else (None, None)
    return Delta(
        prompt_tokens=read,
        completion_tokens=written,
        usage_is_garbled=any(count is not None for count in given) and not all(numbers),
    )


async def _content_of(said: Said, *, seconds: float) -> bytes:
    """The bytes of an image, fetched within so many seconds where they lie elsewhere. Raises UpstreamError."""
    if said.content is not None:
        return said.content
    if not said.url:
        raise _garbled("an image that is none")
    return await _fetched(said.url, seconds=seconds)


async def _drawn(said: Said, content: bytes, job: Job) -> CleanPicture:
    """The image, drawn anew and marked. Raises UpstreamError."""
    try:
        # Whoever has several answers drawn has one turn all the same.
        picture = await asyncio.wrap_future(_drawing.submit(job.user_id, _redrawn, content, job))
    except PictureTooLarge:
        raise _garbled("an image larger than any") from None
    except PictureNotUnderstood:
        raise _garbled("no image that can be read") from None
    return replace(picture, revised_prompt=said.revised_prompt)


def _redrawn(content: bytes, job: Job) -> CleanPicture:
    return clean(content, is_made=True, written_as=written_as(job.options))


async def _fetched(url: str, *, seconds: float) -> bytes:
    """What lies where the provider says that its image lies: somewhere public, or in a model server of our own."""
    try:
        return await outbound.fetch(url, max_bytes=MAX_MADE_BYTES, seconds=seconds)
    except outbound.AddressRefused as error:
        raise _garbled(f"an image where nobody goes: {error}") from None
    except outbound.FetchFailed as error:
        raise UpstreamError(_FETCH_CODES.get(error.code, "upstream_garbled"), f"an image {error.code}") from None


_FETCH_CODES = {"unreachable": "upstream_unreachable", "too_slow": "upstream_timeout"}


def _garbled(detail: str) -> UpstreamError:
    return UpstreamError("upstream_garbled", detail)
