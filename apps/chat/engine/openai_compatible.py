"""One streamed call to an OpenAI-compatible channel: the openai client asks, the bytes of the answer are ours to read.

Every byte from a channel is hostile: whatever is read has a limit, and silence is measured here, line by line. Of the
client, its retries, its decoder of events and its models stay unused.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import aiohttp
import httpx2
from openai import APIConnectionError, AsyncOpenAI

from apps.chat.contracts import Job, ModelKind, Target
from apps.chat.engine import deltas, documents, event_answers, images, transport, upstream_errors, vectors
from apps.chat.engine.dialects import Dialect
from apps.chat.engine.reading import Reading
from apps.chat.engine.thoughts import Thoughts
from apps.chat.engine.upstream_errors import UpstreamError
from apps.chat.engine.ways import Way
from apps.chat.imaging import files as picture_files
from apps.chat.registries import Connection, Delta
from apps.chat.rules.outcomes import INTERNAL
from apps.kernel import clock

_MAX_OPENING_BYTES = 4 * 1024
_MAX_DOCUMENT_BYTES = 512 * 1024
_MAX_CLIENTS = 64
_NO_KEY = "none"
_COMMON = Dialect()
_PATHS = {
    ModelKind.TEXT: "/chat/completions",
    ModelKind.EMBEDDING: "/embeddings",
    ModelKind.IMAGE: "/images/generations",
}
_ABOUT_THE_QUESTION = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
_BLANKS = b" \t\r\n\xef\xbb\xbf"


class OpenAIConnection(Connection):
    """The way to all channels that speak as OpenAI does."""

    def __init__(self, dialect: Dialect = _COMMON) -> None:
        self._dialect = dialect
        # How models want to be asked: learnt from their refusals.
        self._ways: dict[tuple[str, str], Way] = {}
        self._dialect_way = Way(
            limit_name=dialect.limit_name,
            wants_usage=dialect.wants_usage,
            wants_bytes=dialect.gives_bytes,
            takes_number=dialect.takes_number,
        )

    async def __aenter__(self) -> Self:
        """Open the connections' pools."""
        self._kept = transport.open_session(keeps_connections=True)
        self._fresh = transport.open_session(keeps_connections=False)
        self._guarded = transport.open_session(keeps_connections=False, is_guarded=True)
        # To make one takes longer than to ask; an address that changes is another one's. No key is kept in it.
        self._client = lru_cache(_MAX_CLIENTS)(_client)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them."""
        await self._kept.close()
        await self._fresh.close()
        await self._guarded.close()

    async def answer(self, job: Job, target: Target) -> AsyncGenerator[Delta, None]:
        """The answer of the channel, event by event, until it has said all or the connection ends.

        The end of this iteration proves nothing: an answer is whole only if a finish_reason came, or [DONE] after
        its usage, which is then given as the finish_reason "stop". Raises UpstreamError.
        """
        try:
            if job.kind is ModelKind.IMAGE:
                async for delta in self._drawn(job, images.patient(target)):
                    yield delta
                return
            async with self._reading(job, target) as (reading, _):
                if job.kind is ModelKind.EMBEDDING:
                    yield await vectors.read(reading, job)
                    return
                thoughts = Thoughts()
                async for delta in _deltas(reading, with_logprobs="logprobs" in job.options):
                    text, thought = thoughts.sort(delta.text)
                    yield delta._replace(text=text, reasoning=delta.reasoning + thought)
                # It came with what came before.
                yield Delta(*thoughts.rest(), events=0)
                await reading.drain()
        except UpstreamError as error:
            raise self._dialect.understood(error) from error

    async def _drawn(self, job: Job, target: Target) -> AsyncIterator[Delta]:
        """The images: all at once, or from those who take no number one after the other, as long as some come.

        Raises UpstreamError, also where the time of an answer is over before there are enough.
        """
        clock_of_loop = asyncio.get_running_loop().time
        left, ends_by = job.images, clock_of_loop() + target.total_seconds
        while left > 0:
            target = replace(target, total_seconds=ends_by - clock_of_loop())
            if target.total_seconds <= 0:
                raise UpstreamError("upstream_timeout", "no time for more images")
            async with self._reading(replace(job, images=left), target) as (reading, way):
                drawn = await images.read(reading, replace(job, images=left))
            left = 0 if way.takes_number else left - len(drawn.pictures)
            if len(drawn.pictures) < job.images and not way.takes_number:
                # Nobody adds up what each of several answers counted.
                drawn = Delta(pictures=drawn.pictures, finish_reason="" if left else drawn.finish_reason)
            yield drawn

    @asynccontextmanager
    async def _reading(self, job: Job, target: Target) -> AsyncIterator[tuple[Reading, Way]]:
        """The body of the answer to a question that the channel took, and how that was asked. Raises UpstreamError."""
        asked_at = asyncio.get_running_loop().time()
        begins_by = asked_at + min(target.first_word_seconds, target.total_seconds)
        try:
            async with asyncio.timeout_at(begins_by):
                taken, way = await self._taken(job, target)
        except TimeoutError as error:
            raise upstream_errors.of_transport(error) from error
        async with aclosing(taken) as response, aclosing(response.aiter_raw()) as chunks:
            yield Reading(chunks, target, asked_at=asked_at), way

    async def _taken(self, job: Job, target: Target) -> tuple[httpx2.Response, Way]:
        """The response to a question that the channel took, asked as it wants, and how. Raises UpstreamError."""
        key = (target.base_url, target.upstream_model)
        pictures = await _pictures_of(job)
        way = self._ways.get(key, self._dialect_way)
        while True:
            try:
                response = await self._ask(job, target, way, pictures)
            except transport.Refused as refusal:
                options = self._dialect.options(job.options)
                if job.kind is ModelKind.IMAGE:
                    other = way.after_drawing(refusal.complaint, options)
                else:
                    other = way.after(refusal.complaint, options, is_paid_to_think=job.is_paid_to_think)
                if other == way:
                    if refusal.status in _ABOUT_THE_QUESTION:
                        # Others may stand behind the address by now: the next question learns anew.
                        self._ways.pop(key, None)
                    raise refusal.error from None
                way = other
            else:
                # Of addresses that members name there is no end.
                if not target.is_guarded:
                    self._ways[key] = way
                return response, way

    async def _ask(self, job: Job, target: Target, way: Way, pictures: Mapping[UUID, str]) -> httpx2.Response:
        """Send the question; once more when the channel hangs up before it answers. Raises Refused, UpstreamError."""
        question = self._question(job, target, way, pictures)
        # With pictures, or many texts, it is megabytes, which are not written while all other answers wait.
        is_long = bool(pictures) or job.kind is not ModelKind.TEXT
        said = await asyncio.to_thread(_written, question) if is_long else question
        path = _PATHS[job.kind]
        try:
            if target.is_guarded:
                return await self._post(self._guarded, path, target, said)
            try:
                return await self._post(self._kept, path, target, said)
            except (aiohttp.ClientConnectionError, transport.Refused) as error:
                if not _has_hung_up(error):
                    raise
                # As it does with a connection that it kept long enough. Nothing of an answer came, so nothing that
                # was answered is asked twice; and a new connection cannot be such a one.
                return await self._post(self._fresh, path, target, said)
        except transport.ERRORS as error:
            raise upstream_errors.of_transport(error) from error

    async def _post(
        self, session: aiohttp.ClientSession, path: str, target: Target, said: dict[str, Any] | bytes
    ) -> httpx2.Response:
        client = self._client(
            session,
            target.base_url,
            target.proxy_url,
            target.connect_seconds,
            target.silence_seconds,
            target.is_guarded,
        )
        token = self._dialect.authorization(target.api_key, now=clock.now())
        try:
            # Not by its method for this address, which copies messages field by field: for forty of them that was
            # measured to take 7 ms, and all other answers would wait.
            taken: httpx2.Response = await client.post(
                path,
                cast_to=httpx2.Response,
                body=None if isinstance(said, bytes) else said,
                content=said if isinstance(said, bytes) else None,
                options={"headers": {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}},
                stream=True,
            )
            return taken
        except APIConnectionError as error:
            # What the network says stands behind it (the client wraps errors of TLS, and only those).
            raise error.__cause__ or error from None

    def _question(self, job: Job, target: Target, way: Way, pictures: Mapping[UUID, str]) -> dict[str, Any]:
        if job.kind is ModelKind.TEXT:
            return way.question(job, target, self._dialect, pictures)
        if job.kind is ModelKind.IMAGE:
            return images.question(job, target, way, self._dialect)
        return vectors.question(job, target, wants_base64=self._dialect.wants_base64)


async def _pictures_of(job: Job) -> Mapping[UUID, str]:
    """The pictures that a question shows, as data: URIs; read in a thread. Raises UpstreamError where one is gone."""
    wanted = {picture.picture_id for turn in job.turns for picture in turn.pictures}
    if not wanted:
        return {}
    try:
        return await asyncio.to_thread(lambda: {each: picture_files.data_uri(each) for each in wanted})
    except OSError as error:
        raise UpstreamError(INTERNAL, f"a picture cannot be read: {type(error).__name__}") from error


def _written(question: Mapping[str, Any]) -> bytes:
    return json.dumps(question, ensure_ascii=False, separators=(",", ":")).encode()


def _has_hung_up(error: Exception) -> bool:
    """Whether the channel left a connection: without a word, or with its farewell, which may cross a question."""
    if isinstance(error, transport.Refused):
        return error.status == HTTPStatus.REQUEST_TIMEOUT
    return not isinstance(error, aiohttp.ClientConnectorError | aiohttp.ServerTimeoutError)


def _client(  # noqa: PLR0917  # what it is kept by
    session: aiohttp.ClientSession,
    base_url: str,
    proxy_url: str,
    connect_seconds: float,
    silence_seconds: float,
    is_guarded: bool,
) -> AsyncOpenAI:
    way = transport.Transport(session, proxy_url=proxy_url, connect_seconds=connect_seconds, is_guarded=is_guarded)
    return AsyncOpenAI(
        base_url=base_url,
        # The key goes with each question.
        api_key=_NO_KEY,
        # Named here, too: the client would rather believe a header in the environment than the key.
        default_headers={"Authorization": f"Bearer {_NO_KEY}"},
        timeout=silence_seconds,
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=way, trust_env=False),
    )


async def _deltas(reading: Reading, *, with_logprobs: bool) -> AsyncIterator[Delta]:
    """What the body says: a stream of events or, from those who do not stream, one document."""
    opening = b""
    while not opening.lstrip(_BLANKS) and len(opening) < _MAX_OPENING_BYTES and (chunk := await reading.chunk()):
        reading.was_heard()
        opening += chunk
    if opening.lstrip(_BLANKS).startswith(b"{"):
        yield await _document(reading, opening, with_logprobs=with_logprobs)
    elif opening.lstrip(_BLANKS).startswith(b"<"):
        raise UpstreamError("upstream_garbled", "a page in place of an answer")
    else:
        async for delta in event_answers.of_events(reading, opening, with_logprobs=with_logprobs):
            yield delta


async def _document(reading: Reading, opening: bytes, *, with_logprobs: bool) -> Delta:
    parts, size = [opening], len(opening)
    while chunk := await reading.chunk():
        reading.was_heard()
        parts.append(chunk)
        size += len(chunk)
        if size > _MAX_DOCUMENT_BYTES:
            raise UpstreamError("upstream_garbled", "a document longer than any answer")
    try:
        return deltas.read_whole(b"".join(parts).lstrip(_BLANKS), with_logprobs=with_logprobs)
    except documents.Unreadable:
        raise UpstreamError("upstream_garbled", "an unreadable document") from None
