"""POST /v1/images/generations: pictures that a model draws, for one request, which waits for all of them."""

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from apps.chat import errors, services
from apps.chat.api.compatible import refusals
from apps.chat.api.compatible.calls import Begun, Call
from apps.chat.api.compatible.endings import why
from apps.chat.api.compatible.endpoints import async_endpoint, body_of, endpoint, identified
from apps.chat.api.compatible.refusals import Refusal, tell_rates
from apps.chat.contracts import GenerationDetail, MadePicture, PictureType
from apps.chat.rules import PICTURES_FULL
from apps.chat.rules.admission import Rate
from apps.chat.rules.images import ImagesAsked, read_images
from apps.kernel import clock, visitors
from apps.kernel.event_loops import act
from apps.kernel.insisting import insist

_PROMPT = "prompt"
# What chat completions call messages.
_NAMES = {"messages": _PROMPT}
_FORMATS = {PictureType.PNG: "png", PictureType.JPEG: "jpeg"}
# Whoever has a link may look at it anywhere; nothing in it may do anything.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, kw_only=True)
class _Asked(Begun):
    """What was asked, and when."""

    images: ImagesAsked
    created: int
    rate: Rate | None
    token_rate: Rate | None


@async_endpoint("POST", names=_NAMES)
async def generations(request: HttpRequest) -> HttpResponseBase:
    """The pictures, those that came. Who leaves before they are there stops them, and pays for what was drawn."""
    call = await Call.begin(request, lambda: begin(request))
    response: HttpResponseBase
    (view,) = await call.ends()
    generation = view.generation
    if generation.is_delivered:
        body = await insist(partial(act, _document, request, call.begun, generation))
        response = HttpResponse(body, content_type="application/json")
    else:
        response = (await _why(request, generation)).response()
    tell_rates(response, requests=call.begun.rate, tokens=call.begun.token_rate)
    return response


@endpoint("GET", "HEAD")
def linked(request: HttpRequest, *, picture_id: UUID, until: int, signature: str) -> HttpResponseBase:
    """GET, HEAD /v1/images/…: a picture, for whoever was given this link, as long as it is good, and no longer."""
    now = clock.now()
    file = services.read_linked_picture(picture_id=picture_id, until=until, signature=signature, now=now)
    of_this = {
        "Cache-Control": f"private, max-age={int(until - now.timestamp())}",
        "Content-Disposition": f'inline; filename="chatloop-{picture_id}.{_FORMATS[file.media_type]}"',
    }
    return HttpResponse(file.content, content_type=file.media_type.value, headers=_HEADERS | of_this)


def begin(request: HttpRequest) -> _Asked:
    """Know the key, read the body, start the generation; in a thread.

    Raises ApiKeyNotValid, NetworkNotAllowed, ScopeMissing, what read_images() raises, and start_images().
    """
    key, now = identified(request), clock.now()
    asked = read_images(body_of(request))
    started = services.start_images(asked=asked, key=key, address=visitors.address_of(request), now=now)
    return _Asked(
        user_id=key.user_id,
        generations=started.generations,
        is_followed=False,
        images=asked,
        created=int(now.timestamp()),
        rate=started.rate,
        token_rate=started.token_rate,
    )


async def _why(request: HttpRequest, generation: GenerationDetail) -> Refusal:
    """Why there are none."""
    if generation.error_code == PICTURES_FULL:
        return refusals.of(errors.PicturesFull(param="n"))
    refusal = await why(request, generation, has_output=False, names=_NAMES)
    if refusal is None:
        # Its provider held it back.
        message = _("Nothing may be drawn of this. Nothing was charged.")
        return Refusal(status=400, message=message, code="content_policy_violation", param=_PROMPT, headers={})
    if refusal.param == _PROMPT and generation.error_code == "context_too_long":
        return replace(refusal, message=_("The prompt is longer than the model can read. Nothing was charged."))
    return refusal


def _document(request: HttpRequest, asked: _Asked, generation: GenerationDetail) -> bytes:
    """The answer; in a thread, since it is megabytes. Raises PictureNotFound where all were erased meanwhile."""
    pictures = services.made_pictures(user_id=asked.user_id, generation_id=generation.id)
    if not pictures:
        raise errors.PictureNotFound
    if asked.images.wants_links:
        entries = [_entry(picture, "url", _link(request, picture)) for picture in pictures]
    else:
        entries = [_entry(picture, "b64_json", _in_base64(asked, picture)) for picture in pictures]
    return _joined(entries, _beside(asked, generation, pictures))


def _link(request: HttpRequest, picture: MadePicture) -> str:
    until, signature = services.picture_link(picture_id=picture.id, now=clock.now())
    # Addresses below /v1 are not made from their names: what is before them may end there (config/urls.py).
    return request.build_absolute_uri(f"/v1/images/{picture.id}/{until}/{signature}")


def _in_base64(asked: _Asked, picture: MadePicture) -> str:
    file = services.read_picture(user_id=asked.user_id, picture_id=picture.id)
    return base64.b64encode(file.content).decode()


def _entry(picture: MadePicture, name: str, value: str) -> dict[str, str]:
    revised = {"revised_prompt": picture.revised_prompt} if picture.revised_prompt else {}
    return {name: value, **revised}


def _beside(asked: _Asked, generation: GenerationDetail, pictures: Sequence[MadePicture]) -> dict[str, Any]:
    """What else is told: what they are, and what they took where their provider counted it."""
    first = pictures[0]
    told: dict[str, Any] = {
        "created": asked.created,
        "size": f"{first.width}x{first.height}",
        "output_format": _FORMATS[first.media_type],
        "background": "opaque",
    }
    if asked.images.quality:
        told["quality"] = asked.images.quality
    if generation.completion_tokens:
        read, written = generation.prompt_tokens, generation.completion_tokens
        told["usage"] = {
            "input_tokens": read,
            "input_tokens_details": {"text_tokens": read, "image_tokens": 0},
            "output_tokens": written,
            "total_tokens": read + written,
        }
    return told


def _joined(entries: Iterable[dict[str, str]], beside: dict[str, Any]) -> bytes:
    """As JSON, image by image, so that nobody waits long for this thread."""
    data = ",".join(json.dumps(entry) for entry in entries)
    return f'{json.dumps(beside)[:-1]},"data":[{data}]}}'.encode()
