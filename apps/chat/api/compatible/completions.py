"""POST /v1/chat/completions: answers to what a program sends, at once or as a stream."""

from django.http import HttpRequest, HttpResponseBase

from apps.chat.api.compatible import telling
from apps.chat.api.compatible.answers import Choices
from apps.chat.api.compatible.endpoints import async_endpoint
from apps.chat.rules.completions import read_completion


@async_endpoint("POST")
async def chat_completions(request: HttpRequest) -> HttpResponseBase:
    """The answers. Who leaves before their end stops them."""
    return await telling.answered(request, read=read_completion, shaping=Choices)
