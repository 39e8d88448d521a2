"""The JSON API of reports: say what is wrong with an answer, and read what came of it."""

from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.chat import selectors, services
from apps.chat.rules.reports import MAX_NOTE, ReportReason, ReportState
from apps.kernel import clock
from apps.kernel.api import Endpoint, PageQuery, StrictSerializer, page_response, shown


class ReportOutput(serializers.Serializer[Any]):
    """One report; `result` is what the site says to it, once it is decided."""

    id = serializers.UUIDField()
    generation_id = serializers.UUIDField()
    conversation_id = serializers.UUIDField(allow_null=True)
    message_id = serializers.UUIDField(allow_null=True)
    reason = serializers.ChoiceField(choices=[reason.value for reason in ReportReason])
    note = serializers.CharField()
    state = serializers.ChoiceField(choices=[state.value for state in ReportState])
    due_at = serializers.DateTimeField(help_text="until when it is answered")
    result = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class ReportAnswer(Endpoint):
    """POST /api/v1/chat/generations/{id}/report: say what is wrong with an answer."""

    scope = "chat"
    created_status = 201
    Output: ClassVar[Any] = ReportOutput

    class Input(StrictSerializer):
        """The reason, and a short note."""

        reason = serializers.ChoiceField(choices=[reason.value for reason in ReportReason])
        note = serializers.CharField(required=False, allow_blank=True, default="", max_length=MAX_NOTE)

    def post(self, request: Request, generation_id: UUID) -> Response:
        """Report it, once; the same again answers the same report. An operator who looks at it reads the answer."""
        body = self.parse(request, self.Input)
        made = services.report_answer(
            user_id=self.user_id,
            generation_id=generation_id,
            reason=ReportReason(body["reason"]),
            note=body["note"],
            now=clock.now(),
        )
        return Response(shown(ReportOutput, made), status=201)


class Reports(Endpoint):
    """GET /api/v1/chat/reports: what the member reported, newest first."""

    scope = "chat"
    paged = True
    Output: ClassVar[Any] = ReportOutput

    def get(self, request: Request) -> Response:
        """A page of reports."""
        query = self.parse(request, PageQuery)
        page = selectors.reports_of(user_id=self.user_id, cursor=query.get("cursor"), size=query["size"])
        return page_response(request, page, ReportOutput)
