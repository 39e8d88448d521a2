"""The JSON API of chat. Prices and quota are integer milli-credits (1000 = one credit)."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.chat import selectors, services
from apps.chat.api.offers import PerTokensOutput
from apps.chat.contracts import WRITERS, GenerationState, ImageQuality, ImageSize, PaidBy, Place
from apps.chat.rules import limits
from apps.kernel import clock, visitors
from apps.kernel.api import Endpoint, IdempotentPost, PageQuery, StrictSerializer, page_response, shown


class ClientIdField(serializers.RegexField):
    """Made by the client, once for each act of sending."""

    def __init__(self, **options: Any) -> None:
        super().__init__(r"^[A-Za-z0-9._\-]{8,64}$", **options)


class GenerationOutput(serializers.Serializer[Any]):
    """The job that writes an answer. `charged_milli` is final in a settled state."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=GenerationState.choices)
    produce_id = serializers.CharField(help_text="by which labels name what was generated (GB 45438-2025)")
    message_id = serializers.UUIDField(allow_null=True, help_text="null where no conversation asked")
    conversation_id = serializers.UUIDField(allow_null=True)
    model = serializers.CharField()
    paid_by = serializers.ChoiceField(choices=PaidBy.choices)
    price_milli = serializers.IntegerField(allow_null=True, help_text="per answer; null by the token")
    price_per_1000_tokens = PerTokensOutput(source="per_tokens", allow_null=True)
    held_milli = serializers.IntegerField(help_text="set aside until it is settled: the most that it may cost")
    charged_milli = serializers.IntegerField()
    max_output_tokens = serializers.IntegerField(help_text="how long the answer may be")
    is_shortened = serializers.BooleanField(help_text="quota was left for that many tokens only")
    is_delivered = serializers.BooleanField(help_text="what was not delivered costs neither quota nor a free use")
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    finish_reason = serializers.CharField()
    error_code = serializers.CharField()
    think = serializers.BooleanField(source="thinks", allow_null=True, help_text="asked; null left it to the model")
    search = serializers.BooleanField(source="searches", help_text="whether it was asked to search the web")


class MessageOutput(serializers.Serializer[Any]):
    """One message; an assistant's has its `generation` and, if the provider showed it, its `reasoning`."""

    id = serializers.UUIDField()
    parent_id = serializers.UUIDField(allow_null=True)
    role = serializers.ChoiceField(choices=[role.value for role in WRITERS])
    content = serializers.CharField(source="text")
    pictures = serializers.ListField(
        child=serializers.UUIDField(), source="picture_ids", help_text="what it shows, each below /chat/pictures/"
    )
    reasoning = serializers.CharField()
    created_at = serializers.DateTimeField()
    ends_context = serializers.BooleanField(help_text="nothing from here up is sent with what is asked below")
    generation = GenerationOutput(allow_null=True)


class AskedOutput(serializers.Serializer[Any]):
    """The user's message, the answer to come, and the job that writes it."""

    message = MessageOutput()
    answer = MessageOutput()
    generation = GenerationOutput()


class ConversationOutput(serializers.Serializer[Any]):
    """One conversation; the running generation, if any, can be followed by its events."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    is_archived = serializers.BooleanField()
    running_generation_id = serializers.UUIDField(allow_null=True)


class SearchHitOutput(serializers.Serializer[Any]):
    """A conversation that holds the words."""

    conversation_id = serializers.UUIDField()
    title = serializers.CharField()
    message_id = serializers.UUIDField(allow_null=True)
    snippet = serializers.CharField()
    updated_at = serializers.DateTimeField()


class Quota(Endpoint):
    """GET /api/v1/chat/quota: what is left to spend."""

    scope = "chat"

    class Output(serializers.Serializer[Any]):
        """Quota, what running answers hold of it, and the free uses of the day."""

        balance_milli = serializers.IntegerField()
        held_milli = serializers.IntegerField()
        free_left = serializers.IntegerField()
        free_per_day = serializers.IntegerField()
        entitlements = serializers.ListField(child=serializers.CharField())

    def get(self, request: Request) -> Response:
        """The quota."""
        return Response(shown(self.Output, services.quota_of(user_id=self.user_id, now=clock.now())))


class QuotaEntries(Endpoint):
    """GET /api/v1/chat/quota/entries: every movement of quota, newest first."""

    scope = "chat"
    paged = True

    class Output(serializers.Serializer[Any]):
        """One movement: positive came in, negative was spent."""

        id = serializers.UUIDField()
        amount_milli = serializers.IntegerField()
        kind = serializers.CharField()
        cause_type = serializers.CharField()
        cause_id = serializers.CharField()
        balance_after_milli = serializers.IntegerField()
        created_at = serializers.DateTimeField()

    def get(self, request: Request) -> Response:
        """A page of movements."""
        query = self.parse(request, PageQuery)
        page = services.quota_entries(user_id=self.user_id, cursor=query.get("cursor"), size=query["size"])
        return page_response(request, page, self.Output)


class Conversations(Endpoint):
    """GET, POST /api/v1/chat/conversations."""

    scope = "chat"
    paged = True
    created_status = 201
    Output: ClassVar[Any] = ConversationOutput

    class GetInput(PageQuery):
        """With `q`, a search over titles and messages instead of the list."""

        q = serializers.CharField(required=False, min_length=1, max_length=limits.MAX_SEARCH_CHARS)

    class Input(StrictSerializer):
        """Without a title, the conversation takes one from its first message."""

        title = serializers.CharField(required=False, allow_blank=True, max_length=80)

    @extend_schema(parameters=[OpenApiParameter("q", str, description="Search titles and messages instead.")])
    def get(self, request: Request) -> Response:
        """A page of conversations, the newest made first; or search hits, in one page."""
        query = self.parse(request, self.GetInput)
        if "q" in query:
            hits = selectors.search(user_id=self.user_id, words=query["q"], limit=limits.MAX_SEARCH_HITS)
            results = [shown(SearchHitOutput, hit) for hit in hits]
            return Response({"next": None, "previous": None, "results": results})
        page = selectors.conversations_of(user_id=self.user_id, cursor=query.get("cursor"), size=query["size"])
        return page_response(request, page, ConversationOutput)

    def post(self, request: Request) -> Response:
        """Start an empty conversation."""
        body = self.parse(request, self.Input)
        made = services.create_conversation(user_id=self.user_id, title=body.get("title", ""), now=clock.now())
        return Response(shown(ConversationOutput, made), status=201)


class Conversation(Endpoint):
    """GET, PATCH, DELETE /api/v1/chat/conversations/{id}."""

    scope = "chat"
    Output: ClassVar[Any] = ConversationOutput

    class Input(StrictSerializer):
        """What to change; `head_id` is a message whose branch shall be looked at."""

        title = serializers.CharField(required=False, allow_blank=True, max_length=200)
        is_archived = serializers.BooleanField(required=False)
        head_id = serializers.UUIDField(required=False)

    def get(self, request: Request, conversation_id: UUID) -> Response:
        """One conversation."""
        return self._answer(conversation_id)

    def patch(self, request: Request, conversation_id: UUID) -> Response:
        """Rename, archive, or look at another branch."""
        changes = self.parse(request, self.Input)
        services.change_conversation(user_id=self.user_id, conversation_id=conversation_id, now=clock.now(), **changes)
        return self._answer(conversation_id)

    def delete(self, request: Request, conversation_id: UUID) -> Response:
        """Erase its texts for good."""
        services.delete_conversation(user_id=self.user_id, conversation_id=conversation_id, now=clock.now())
        return Response(status=204)

    def _answer(self, conversation_id: UUID) -> Response:
        found = selectors.conversation_of(user_id=self.user_id, conversation_id=conversation_id)
        return Response(shown(ConversationOutput, found))


class ConversationFile(Endpoint):
    """GET /api/v1/chat/conversations/{id}/file: the branch that is looked at, labelled as generated by AI."""

    scope = "chat"
    answers: ClassVar[Any] = {
        (200, "text/markdown"): OpenApiTypes.STR,
        (200, "application/json"): OpenApiTypes.OBJECT,
    }

    class GetInput(StrictSerializer):
        """Markdown for people, JSON for programs."""

        type = serializers.ChoiceField(choices=["markdown", "json"], required=False, default="markdown")

    def get(self, request: Request, conversation_id: UUID) -> HttpResponse:
        """The file. Its label stays in it: `manage.py verify_label` says what it says, and whether it was changed."""
        kind = self.parse(request, self.GetInput)["type"]
        file = services.export_conversation(user_id=self.user_id, conversation_id=conversation_id, kind=kind)
        headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Cache-Control": "no-store"}
        return HttpResponse(file.content, content_type=file.media_type, headers=headers)


class AskingInput(StrictSerializer):
    """What every question says of its answer."""

    offer = serializers.CharField(required=False, max_length=32)
    think = serializers.BooleanField(required=False, allow_null=True, help_text="null leaves it to the model")
    search = serializers.BooleanField(required=False, default=False)
    size = serializers.ChoiceField(choices=ImageSize.choices, required=False, help_text="of an image that is drawn")
    quality = serializers.ChoiceField(choices=ImageQuality.choices, required=False, help_text="the same")


class Messages(Endpoint):
    """GET, POST /api/v1/chat/conversations/{id}/messages."""

    scope = "chat"
    paged = True
    created_status = 202
    Output: ClassVar[Any] = MessageOutput
    PostOutput: ClassVar[Any] = AskedOutput

    class Input(AskingInput):
        """A message. Without `parent_id` it follows the branch that is looked at; with null it begins a new one."""

        # White space is the writer's; whether there is any text is a rule with its own refusal.
        content = serializers.CharField(allow_blank=True, trim_whitespace=False, max_length=limits.MAX_BODY_CHARS)
        model = serializers.CharField(max_length=64)
        client_id = ClientIdField()
        parent_id = serializers.UUIDField(required=False, allow_null=True)
        # How many there may be is refused with its own code.
        pictures = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=100)

    def get(self, request: Request, conversation_id: UUID) -> Response:
        """A page of messages of all branches, newest first."""
        query = self.parse(request, PageQuery)
        page = selectors.messages_of(
            user_id=self.user_id,
            conversation_id=conversation_id,
            cursor=query.get("cursor"),
            size=query["size"],
        )
        return page_response(request, page, MessageOutput)

    def post(self, request: Request, conversation_id: UUID) -> Response:
        """Send a message; the same client_id answers the same generation."""
        body = self.parse(request, self.Input)
        asked = services.ask_question(
            user_id=self.user_id,
            conversation_id=conversation_id,
            text=body["content"],
            model=body["model"],
            client_id=body["client_id"],
            offer=body.get("offer", ""),
            parent_id=body.get("parent_id", Place.AFTER_HEAD),
            picture_ids=body.get("pictures", ()),
            thinks=body.get("think"),
            searches=body["search"],
            image_size=body.get("size", ""),
            image_quality=body.get("quality", ""),
            key=self.credential,
            address=visitors.address_of(request),
            now=clock.now(),
        )
        return Response(shown(AskedOutput, asked), status=202)


class OneMessage(Endpoint):
    """GET /api/v1/chat/messages/{id}: a message as it was written, where pages show it rendered."""

    scope = "chat"
    Output: ClassVar[Any] = MessageOutput

    def get(self, request: Request, message_id: UUID) -> Response:
        """The message."""
        return Response(shown(MessageOutput, selectors.message_of(user_id=self.user_id, message_id=message_id)))


class Regenerate(IdempotentPost):
    """POST /api/v1/chat/messages/{id}/regenerate: another answer beside the old one."""

    scope = "chat"
    created_status = 202
    PostOutput: ClassVar[Any] = AskedOutput

    class Input(AskingInput):
        """Without a model, the last answer's is asked again."""

        model = serializers.CharField(required=False, max_length=64)

    def post_once(self, request: Request, *, request_id: str, **url: Any) -> Response:
        """Start it."""
        body = self.parse(request, self.Input)
        asked = services.regenerate_answer(
            user_id=self.user_id,
            message_id=url["message_id"],
            model=body.get("model"),
            thinks=body.get("think"),
            searches=body["search"],
            image_size=body.get("size", ""),
            image_quality=body.get("quality", ""),
            client_id=request_id,
            offer=body.get("offer", ""),
            key=self.credential,
            address=visitors.address_of(request),
            now=clock.now(),
        )
        return Response(shown(AskedOutput, asked), status=202)


class Stop(Endpoint):
    """POST /api/v1/chat/generations/{id}/stop: end the answer here and keep its text."""

    scope = "chat"
    Output: ClassVar[Any] = GenerationOutput

    class Input(StrictSerializer):
        """Nothing."""

    def post(self, request: Request, generation_id: UUID) -> Response:
        """Ask for it; stopping twice, or too late, changes nothing."""
        self.parse(request, self.Input)
        stopped = services.stop_generation(user_id=self.user_id, generation_id=generation_id, now=clock.now())
        return Response(shown(GenerationOutput, stopped))
