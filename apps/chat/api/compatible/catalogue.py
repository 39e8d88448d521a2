"""GET /v1/models and /v1/models/{id}: what a key may ask."""

from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from apps.accounts.contracts import IdentifiedKey
from apps.chat import services
from apps.chat.api.compatible.endpoints import endpoint, identified
from apps.chat.contracts import ModelOffer
from apps.chat.errors import ModelNotFound
from apps.kernel import clock

_OWNER = "chatloop"


@endpoint("GET", "HEAD")
def models(request: HttpRequest) -> HttpResponseBase:
    """The models, in the operators' order."""
    key = identified(request)
    shown = [_shown(offer) for offer in _open_to(key, services.models_for(user_id=key.user_id, now=clock.now()))]
    return JsonResponse({"object": "list", "data": shown})


@endpoint("GET", "HEAD")
def model(request: HttpRequest, model_id: str) -> HttpResponseBase:
    """One that the key may ask, also one that is in no list; any other does not exist. Raises ModelNotFound."""
    key = identified(request)
    # PostgreSQL would not even look for it.
    named = [] if "\0" in model_id else services.models_for(user_id=key.user_id, now=clock.now(), code=model_id)
    found = _open_to(key, named)
    if not found:
        raise ModelNotFound(model=model_id)
    return JsonResponse(_shown(found[0]))


def _open_to(key: IdentifiedKey, offers: list[ModelOffer]) -> list[ModelOffer]:
    """What its owner has a right to and the key allows, whether it can be paid for now or not."""
    return [offer for offer in offers if offer.entitled and (not key.allowed_models or offer.id in key.allowed_models)]


def _shown(offer: ModelOffer) -> dict[str, Any]:
    """As OpenAI shows a model; behind that what its clients look for elsewhere, by the names that most of them know."""
    return {
        "id": offer.id,
        "object": "model",
        "created": int(offer.created_at.timestamp()),
        "owned_by": _OWNER,
        "name": offer.name,
        "kind": offer.kind.value,
        "capabilities": [each.value for each in offer.capabilities],
        "context_window": offer.context_tokens,
        "max_completion_tokens": offer.max_output_tokens,
    }
