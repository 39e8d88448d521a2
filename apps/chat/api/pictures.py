"""Pictures: chosen for a question, and looked at by their member alone."""

from collections.abc import Mapping
from typing import IO, Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.chat import services
from apps.chat.contracts import PictureType
from apps.chat.rules import pictures as rules
from apps.kernel import clock
from apps.kernel.api import Endpoint, shown

# It is looked at in our pages or by itself, where nothing in it may do anything.
_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class PictureParser(BaseParser):
    """A file as it is, whatever type of picture its sender says that it is."""

    media_type = "image/*"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Its bytes, no more than a picture may have and one."""
        return stream.read(rules.MAX_BYTES + 1)


class PictureOutput(serializers.Serializer[Any]):
    """A picture as it is kept; sides in pixels."""

    id = serializers.UUIDField()
    media_type = serializers.ChoiceField(choices=PictureType.choices)
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    bytes = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class Pictures(Endpoint):
    """POST /api/v1/chat/pictures: choose a picture for a question."""

    scope = "chat"
    created_status = 201
    parser_classes = (PictureParser,)
    Output: ClassVar[Any] = PictureOutput

    @extend_schema(request={"image/*": OpenApiTypes.BINARY})
    def post(self, request: Request) -> Response:
        """The file is the body. What is kept is drawn anew from it; without a question it is gone in a day."""
        # Of an empty body, nobody asks the parser.
        content: Any = request.data or b""
        made = services.upload_picture(user_id=self.user_id, content=content, now=clock.now())
        return Response(shown(PictureOutput, made), status=201)


class OnePicture(Endpoint):
    """GET, DELETE /api/v1/chat/pictures/{id}."""

    scope = "chat"
    answers: ClassVar[Any] = {
        (200, "image/png"): OpenApiTypes.BINARY,
        (200, "image/jpeg"): OpenApiTypes.BINARY,
    }

    def get(self, request: Request, picture_id: UUID) -> HttpResponse:
        """The picture itself, for its member and nobody else."""
        file = services.read_picture(user_id=self.user_id, picture_id=picture_id)
        ending = "png" if file.media_type is PictureType.PNG else "jpg"
        named = {"Content-Disposition": f'inline; filename="chatloop-{picture_id}.{ending}"'}
        return HttpResponse(file.content, content_type=file.media_type.value, headers=_HEADERS | named)

    def delete(self, request: Request, picture_id: UUID) -> Response:
        """Erase one that no conversation shows."""
        services.discard_picture(user_id=self.user_id, picture_id=picture_id, now=clock.now())
        return Response(status=204)
