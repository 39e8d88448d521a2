"""Where in a conversation its context begins afresh."""

from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.chat import services
from apps.chat.api.views import MessageOutput
from apps.kernel import clock
from apps.kernel.api import Endpoint, StrictSerializer, shown


class FreshStart(Endpoint):
    """POST /api/v1/chat/conversations/{id}/fresh-start: what stands above an answer is not sent any more below it."""

    scope = "chat"
    Output: ClassVar[Any] = MessageOutput

    class Input(StrictSerializer):
        """The answer; `is_on` false takes it back, while nothing was asked below."""

        message_id = serializers.UUIDField()
        is_on = serializers.BooleanField(required=False, default=True)

    def post(self, request: Request, conversation_id: UUID) -> Response:
        """Say so; the message tells how it stands. The same again, or behind a question below, changes nothing."""
        body = self.parse(request, self.Input)
        message = services.begin_afresh(user_id=self.user_id, conversation_id=conversation_id, now=clock.now(), **body)
        return Response(shown(MessageOutput, message))
