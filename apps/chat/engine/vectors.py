"""Embeddings: how they are asked for, and what of the answer is believed.

The figures of a long answer are millions: they are read vector by vector in a thread, so that answers that are being
streamed have their turn in between.
"""

import asyncio
import base64
import binascii
import re
import sys
from array import array
from math import isfinite
from typing import Any

import jiter

from apps.chat.contracts import Job, Target
from apps.chat.engine import documents
from apps.chat.engine.reading import Reading
from apps.chat.engine.upstream_errors import Complaint, UpstreamError
from apps.chat.registries import Delta
from apps.chat.rules.embeddings import MAX_DIMENSIONS, MAX_VECTOR_BYTES, NUMBER_BYTES, inputs_of

# As many decimal figures as the vectors may have, with room for signs, exponents and blanks; and what is around them.
_MAX_DOCUMENT_BYTES = 96 * 1024 * 1024
_MAX_VECTOR_CHARS = MAX_DIMENSIONS * 32
_MAX_REST_BYTES = 1024 * 1024
# Possessive, and to the next bracket of either kind: a list without an end is not walked through from each beginning.
_VECTOR = re.compile(rb'"embedding"\s*+:\s*+(\[[^\[\]]*+\]|"[^"]*+")')


def question(job: Job, target: Target, *, wants_base64: bool) -> dict[str, Any]:
    """The body of the request."""
    body: dict[str, Any] = {"model": target.upstream_model, "input": inputs_of(job.turns[0]), **job.options}
    if wants_base64:
        body["encoding_format"] = "base64"
    return body


async def read(reading: Reading, job: Job) -> Delta:
    """The vectors, all of them or none. Raises UpstreamError."""
    parts, size = [], 0
    while chunk := await reading.chunk():
        # It has begun: from now on silence is measured.
        reading.has_words()
        parts.append(chunk)
        size += len(chunk)
        if size > _MAX_DOCUMENT_BYTES:
            raise UpstreamError("upstream_garbled", "a document longer than any vectors")
    asked = len(job.turns[0].parts)
    dimensions = job.options.get("dimensions")
    return await asyncio.to_thread(read_document, b"".join(parts), asked=asked, dimensions=dimensions)


def read_document(document: bytes, *, asked: int, dimensions: int | None) -> Delta:
    """The vectors in a document: one for each of so many inputs, of so many dimensions if these were asked for.

    Raises UpstreamError.
    """
    vectors: list[bytes] = []

    def put_aside(match: re.Match[bytes]) -> bytes:
        vectors.append(_vector(match[1]))
        if len(vectors) > asked:
            raise _garbled("more vectors than inputs")
        return b'"embedding":%d' % (len(vectors) - 1)

    rest = _VECTOR.sub(put_aside, document)
    if len(rest) > _MAX_REST_BYTES:
        raise _garbled("a document longer than any vectors")
    try:
        said = documents.read(rest, lambda value: value)
    except documents.Unreadable:
        raise _garbled("an unreadable document") from None
    if isinstance(said, dict) and (said.get("error") or "data" not in said):
        # As an error is told behind a 200, with or without its envelope.
        raise Complaint.read(said).as_error()
    if not isinstance(said, dict) or not isinstance(said["data"], list):
        raise _garbled("no list of vectors")
    outputs = _in_order(said["data"], vectors, asked=asked)
    lengths = {len(vector) for vector in outputs}
    if len(lengths) != 1 or (dimensions is not None and lengths != {dimensions * NUMBER_BYTES}):
        raise _garbled("vectors of another length")
    if len(outputs) * lengths.pop() > MAX_VECTOR_BYTES:
        raise _garbled("more numbers than are kept")
    return _told(said.get("usage"), outputs)


def _in_order(data: list[Any], vectors: list[bytes], *, asked: int) -> tuple[bytes, ...]:
    """The vector of each input, by the number that its object has."""
    placed: dict[int, bytes] = {}
    for entry in data:
        said = entry if isinstance(entry, dict) else {}
        number, index = _place(said.get("embedding"), len(vectors)), _place(said.get("index"), asked)
        if number is None or index is None or index in placed:
            raise _garbled("vectors that are not those of the inputs")
        placed[index] = vectors[number]
    if len(placed) != asked or len(vectors) != asked:
        raise _garbled("another number of vectors than of inputs")
    return tuple(placed[index] for index in range(asked))


def _place(number: Any, most: int) -> int | None:
    is_number = isinstance(number, int) and not isinstance(number, bool)
    return number if is_number and 0 <= number < most else None


def _vector(said: bytes) -> bytes:
    """A vector, given in decimal figures or in base64."""
    if len(said) > _MAX_VECTOR_CHARS:
        raise _garbled("a vector longer than any")
    try:
        if said.startswith(b'"'):
            numbers = array("f", base64.b64decode(said[1:-1], validate=True))
            if sys.byteorder == "big":
                numbers.byteswap()
        else:
            numbers = array("f", jiter.from_json(said, allow_inf_nan=False))
    except (ValueError, TypeError, OverflowError, binascii.Error):
        raise _garbled("a vector that is none") from None
    if not 0 < len(numbers) <= MAX_DIMENSIONS or not all(map(isfinite, numbers)):
        raise _garbled("a vector of what is no number")
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _told(usage: Any, outputs: tuple[bytes, ...]) -> Delta:
    """The whole answer: nothing is written, so it counts what was read, if anything."""
    tokens = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    is_number = isinstance(tokens, int) and not isinstance(tokens, bool)
    return Delta(
        finish_reason="stop",
        prompt_tokens=tokens if is_number else None,
        completion_tokens=0 if is_number else None,
        usage_is_garbled=tokens is not None and not is_number,
        outputs=outputs,
    )


def _garbled(detail: str) -> UpstreamError:
    return UpstreamError("upstream_garbled", detail)
