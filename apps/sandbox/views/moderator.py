"""A moderator of texts, as somebody else offers one: it knows a few signs that nobody writes by accident."""

import asyncio
import json
import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

_SILENT_SECONDS = 30.0
# What a text has to hold for it to be refused, and what makes the moderator misbehave.
REFUSED, SILENT, BROKEN, GARBLED = "⟦refuse⟧", "⟦silent⟧", "⟦broken⟧", "⟦garbled⟧"


@csrf_exempt
@require_POST
async def look(request: HttpRequest) -> HttpResponse:
    """POST moderator/v1/look"""
    expected = f"Bearer {settings.SANDBOX['MODEL_API_KEY']}"
    if not secrets.compare_digest(request.headers.get("Authorization", "").encode(), expected.encode()):
        return JsonResponse({"error": "unknown key"}, status=401)
    try:
        text = str(json.loads(request.body)["text"])
    except (ValueError, KeyError, TypeError):
        return JsonResponse({"error": "no text"}, status=400)
    if SILENT in text:
        await asyncio.sleep(_SILENT_SECONDS)
    if BROKEN in text:
        return HttpResponse("<h1>Internal error</h1>", status=500)
    if GARBLED in text:
        return HttpResponse("maybe")
    return JsonResponse({"verdict": "refuse" if REFUSED in text else "fine"})
