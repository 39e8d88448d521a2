"""One streamed call to an OpenAI-compatible channel: raw lines of the official client over aiohttp."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import httpx2
import openai
from openai import AsyncOpenAI, DefaultAioHttpClient

from apps.chat.contracts import Job

_DONE = "[DONE]"
# Between two chunks; comments that keep the connection alive count as chunks.
_MAX_SILENCE_SECONDS = 60.0

# Upstream's own codes that mean more than their HTTP status (string or number, by provider).
_CODES = {
    "insufficient_quota": "upstream_arrears",
    "1113": "upstream_arrears",
    "context_length_exceeded": "context_too_long",
    "1261": "context_too_long",
    "model_context_window_exceeded": "context_too_long",
    "content_filter": "content_refused",
    "data_inspection_failed": "content_refused",
    "1301": "content_refused",
}
_STATUSES = {
    401: "upstream_key_refused",
    402: "upstream_arrears",
    403: "upstream_key_refused",
    404: "upstream_model_unknown",
    429: "upstream_busy",
}


class UpstreamError(Exception):
    """The channel did not answer, or broke off; `code` is ours and stable."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Delta:
    """What one line of the stream brings; most lines bring only text."""

    text: str = ""
    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def http_client() -> DefaultAioHttpClient:
    """The transport of one event loop, kept for its life."""
    return DefaultAioHttpClient(
        timeout=httpx2.Timeout(connect=5, read=_MAX_SILENCE_SECONDS, write=10, pool=5),
        limits=httpx2.Limits(max_connections=400, max_keepalive_connections=50, keepalive_expiry=30),
    )


def warm_up() -> None:
    """Load the client's lazy modules now: half a second that the first question would wait."""
    import_module("openai.resources.chat.completions")


async def stream(http: DefaultAioHttpClient, job: Job) -> AsyncIterator[Delta]:
    """The answer of the channel, line by line, until it says that it is done or the connection ends.

    The end of this iteration proves nothing: an answer is whole only if a finish_reason came.
    Raises UpstreamError.
    """
    # No retries here: the client would also repeat what must not be repeated, and never tell.
    client = AsyncOpenAI(api_key=job.api_key, base_url=job.base_url, http_client=http, max_retries=0)
    messages: Any = [{"role": turn.role.value, "content": turn.text} for turn in job.turns]
    call = client.chat.completions.with_streaming_response.create(
        model=job.upstream_model,
        messages=messages,
        max_tokens=job.max_output_tokens,
        stream=True,
        stream_options={"include_usage": True},
    )
    try:
        async with call as response:
            async for line in response.iter_lines():
                if not line.startswith("data:"):
                    continue  # blank lines and keep-alive comments
                data = line[5:].strip()
                if data == _DONE:
                    return
                yield _parse(data)
    except openai.APIStatusError as error:
        raise UpstreamError(_code_of_status(error)) from error
    except (openai.APITimeoutError, httpx2.TimeoutException) as error:
        raise UpstreamError("upstream_timeout") from error
    except (openai.APIConnectionError, httpx2.HTTPError) as error:
        raise UpstreamError("upstream_unreachable") from error


def _parse(data: str) -> Delta:
    try:
        chunk: Any = json.loads(data)
    except json.JSONDecodeError:
        raise UpstreamError("upstream_garbled") from None
    if not isinstance(chunk, dict):
        raise UpstreamError("upstream_garbled")
    if error := chunk.get("error"):
        code = str(error.get("code") or error.get("type") or "") if isinstance(error, dict) else ""
        raise UpstreamError(_CODES.get(code, "upstream_failed"))
    choices = chunk.get("choices") or [{}]
    choice = choices[0]
    usage = chunk.get("usage") or choice.get("usage") or {}
    return Delta(
        text=(choice.get("delta") or {}).get("content") or "",
        finish_reason=choice.get("finish_reason") or "",
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _code_of_status(error: openai.APIStatusError) -> str:
    for code in (error.code, error.type):
        if str(code) in _CODES:
            return _CODES[str(code)]
    return _STATUSES.get(error.status_code, "upstream_failed")
