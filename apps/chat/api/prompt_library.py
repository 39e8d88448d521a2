"""Prompts to begin with: a member's own, and those that operators offer."""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.utils.translation import get_language
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.chat import selectors, services
from apps.chat.api.views import ClientIdField
from apps.chat.rules.prompt_library import MAX_PROMPT_TEXT, MAX_PROMPT_TITLE
from apps.kernel import clock
from apps.kernel.api import Endpoint, StrictSerializer, shown


class OwnPromptOutput(serializers.Serializer[Any]):
    """A prompt of the member's own. `version` goes with a change."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    text = serializers.CharField()
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class OwnPrompts(Endpoint):
    """GET and POST /api/v1/chat/prompts."""

    scope = "chat"
    unpaged_list = True
    created_status = 201
    Output: ClassVar[Any] = OwnPromptOutput

    class Input(StrictSerializer):
        """A new prompt; without a title it is called by the beginning of its text."""

        title = serializers.CharField(required=False, allow_blank=True, default="", max_length=MAX_PROMPT_TITLE)
        text = serializers.CharField(trim_whitespace=False, max_length=MAX_PROMPT_TEXT)
        client_id = ClientIdField()

    def get(self, request: Request) -> Response:
        """The member's prompts, those changed last first."""
        return Response([shown(self.Output, each) for each in selectors.own_prompts_of(user_id=self.user_id)])

    def post(self, request: Request) -> Response:
        """Keep a prompt; the same client_id again answers the prompt that it made."""
        body = self.parse(request, self.Input)
        return Response(
            shown(self.Output, services.create_own_prompt(user_id=self.user_id, now=clock.now(), **body)), status=201
        )


class OneOwnPrompt(Endpoint):
    """GET, PUT and DELETE /api/v1/chat/prompts/{id}."""

    scope = "chat"
    Output: ClassVar[Any] = OwnPromptOutput

    class Input(StrictSerializer):
        """All of it anew, and the version that was changed: if it is another one by now, nothing changes."""

        title = serializers.CharField(allow_blank=True, max_length=MAX_PROMPT_TITLE)
        text = serializers.CharField(trim_whitespace=False, max_length=MAX_PROMPT_TEXT)
        version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)

    def get(self, request: Request, prompt_id: UUID) -> Response:
        """One prompt."""
        return Response(shown(self.Output, selectors.own_prompt_of(user_id=self.user_id, prompt_id=prompt_id)))

    def put(self, request: Request, prompt_id: UUID) -> Response:
        """Change it."""
        body = self.parse(request, self.Input)
        changed = services.change_own_prompt(user_id=self.user_id, prompt_id=prompt_id, now=clock.now(), **body)
        return Response(shown(self.Output, changed))

    def delete(self, request: Request, prompt_id: UUID) -> Response:
        """Delete it for good."""
        services.delete_own_prompt(user_id=self.user_id, prompt_id=prompt_id)
        return Response(status=204)


class Starters(Endpoint):
    """GET /api/v1/chat/starters: prompts that operators offer to begin with."""

    scope = "chat"
    unpaged_list = True

    class Output(serializers.Serializer[Any]):
        """One of them; those of a category, which may be empty, belong together. {{words}} are to be filled in."""

        code = serializers.CharField()
        title = serializers.CharField()
        text = serializers.CharField()
        category = serializers.CharField()

    def get(self, request: Request) -> Response:
        """Those in the language of the request, and those that are for every language, in the operators' order."""
        offered = services.starters_for(language=get_language() or settings.LANGUAGE_CODE)
        return Response([shown(self.Output, each) for each in offered])
