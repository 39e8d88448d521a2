"""What asks for answers, each by a rule that reads its body and a shape that tells them (docs/adr/0024)."""

from django.http import HttpRequest, HttpResponseBase

from apps.chat.api.compatible import telling
from apps.chat.api.compatible.answers import ChatChoices, PromptChoices
from apps.chat.api.compatible.endpoints import async_endpoint
from apps.chat.api.compatible.responses import Response
from apps.chat.rules.completions import read_completion
from apps.chat.rules.prompts import read_prompts
from apps.chat.rules.responses import read_response


@async_endpoint("POST")
async def chat_completions(request: HttpRequest) -> HttpResponseBase:
    """POST /v1/chat/completions. Who leaves before the end stops the answers."""
    return await telling.answered(request, read=read_completion, shaping=ChatChoices)


@async_endpoint("POST", names=PromptChoices.names)
async def completions(request: HttpRequest) -> HttpResponseBase:
    """POST /v1/completions, OpenAI's older shape."""
    return await telling.answered(request, read=read_prompts, shaping=PromptChoices)


@async_endpoint("POST", names=Response.names)
async def responses(request: HttpRequest) -> HttpResponseBase:
    """POST /v1/responses, OpenAI's newer shape, of which nothing is kept."""
    return await telling.answered(request, read=read_response, shaping=Response)
