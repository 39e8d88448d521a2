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
    shown = [_shown(offer) for offer in _open_to(identified(request))]
    return JsonResponse({"object": "list", "data": shown})


@endpoint("GET", "HEAD")
def model(request: HttpRequest, model_id: str) -> HttpResponseBase:
    """One of them; any other does not exist, whoever else may ask it. Raises ModelNotFound."""
    offers = _open_to(identified(request))
    found = next((offer for offer in offers if offer.id == model_id), None)
    if found is None:
        raise ModelNotFound(model=model_id)
    return JsonResponse(_shown(found))


def _open_to(key: IdentifiedKey) -> list[ModelOffer]:
    """What its owner has a right to and the key allows, whether it can be paid for now or not."""
    offers = services.models_for(user_id=key.user_id, now=clock.now())
    return [offer for offer in offers if offer.entitled and (not key.allowed_models or offer.id in key.allowed_models)]


def _shown(offer: ModelOffer) -> dict[str, Any]:
    return {"id": offer.id, "object": "model", "created": int(offer.created_at.timestamp()), "owned_by": _OWNER}
