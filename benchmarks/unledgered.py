"""The same answers without their books: what `benchmarks/at_once.py` calls the ledger "off".

OpenAI's API as the site serves it, by the same server, middleware and threads, up to the body of a request and whose
key it is; then its model is asked by the engine's own connection, in this process, and the same document answers.
There is no generation, no hold, no charge, no rule of the chain, no queue, no engine and no Redis: nothing is written,
so nothing can be exact, resumed, or found again. BENCHMARK_MODEL_URL names the model server.
"""

import io
import os
from typing import Any
from uuid import uuid4

from config.asgi import application

__all__ = ["application"]

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.urls import path

from apps.chat import rules
from apps.chat.api.compatible.answers import ChatChoices
from apps.chat.api.compatible.endpoints import async_endpoint, identified
from apps.chat.contracts import (
    OPENAI_COMPATIBLE,
    AnswerView,
    GenerationDetail,
    GenerationState,
    Job,
    PaidBy,
    PerAnswer,
    Target,
)
from apps.chat.engine.openai_compatible import OpenAIConnection
from apps.chat.rules.completions import Completion, read_completion
from apps.kernel import clock
from apps.kernel.event_loops import act
from apps.kernel.parsers import StrictJSONParser

TARGET = Target(
    route_id=uuid4(),
    key_id=uuid4(),
    channel="benchmark",
    channel_kind=OPENAI_COMPATIBLE,
    base_url=os.environ["BENCHMARK_MODEL_URL"],
    proxy_url="",
    api_key="sk-benchmark",
    upstream_model="benchmark",
    max_running=1000,
    connect_seconds=5.0,
    first_word_seconds=120.0,
    silence_seconds=60.0,
    total_seconds=600.0,
)
_kept: list[OpenAIConnection] = []


async def connection() -> OpenAIConnection:
    """The one of this process's loop."""
    if not _kept:
        _kept.append(await OpenAIConnection().__aenter__())
    return _kept[0]


def read(request: HttpRequest) -> Completion:
    """Who asks, and what."""
    identified(request)
    return read_completion(StrictJSONParser().parse(io.BytesIO(request.body)))


def ended(job: Job, model: str) -> GenerationDetail:
    """What a document says of its answer."""
    return GenerationDetail(
        id=job.generation_id,
        message_id=None,
        conversation_id=None,
        state=GenerationState.FINISHED,
        model=model,
        model_name=model,
        paid_by=PaidBy.QUOTA,
        price=PerAnswer(answer_milli=1),
        held_milli=0,
        charged_milli=0,
        max_output_tokens=job.max_output_tokens,
        is_shortened=False,
        has_thoughts=False,
        is_delivered=True,
        prompt_tokens=3,
        completion_tokens=3,
        finish_reason="stop",
        error_code="",
        error_param="",
    )


@async_endpoint("POST")
async def chat_completions(request: HttpRequest) -> HttpResponseBase:
    """The answer at once."""
    completion: Completion = await act(read, request)
    job = Job(
        generation_id=uuid4(),
        lease_token=uuid4(),
        targets=(TARGET,),
        max_output_tokens=completion.max_output_tokens or 1000,
        turns=tuple(rules.read_request(completion.requests[0])),
    )
    text = "".join([delta.text async for delta in (await connection()).answer(job, TARGET)])
    detail = ended(job, completion.model)
    shape: Any = ChatChoices(completion, (detail,), int(clock.now().timestamp()))
    return JsonResponse(shape.whole([AnswerView(generation=detail, text=text)]))


urlpatterns = [path("v1/chat/completions", chat_completions)]
settings.ROOT_URLCONF = __name__
