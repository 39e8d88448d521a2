"""What every JSON endpoint shares: strict input, one error shape, keyset pages, idempotent POSTs, an honest schema."""

import json
import re
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import cache, wraps
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseBase
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import get_doc
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.kernel import clock, idempotency, problem
from apps.kernel.api_refusals import refusals_of
from apps.kernel.errors import (
    AnotherMember,
    Busy,
    CursorNotValid,
    DomainError,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    RequestInFlight,
    ScopeMissing,
)
from apps.kernel.ids import UserId
from apps.kernel.paging import Page
from apps.kernel.registries import Registry
from apps.kernel.strict_input import IS_TEXT, wrong_types

View = Callable[..., Awaitable[HttpResponseBase]]

_KEY = re.compile(r"[A-Za-z0-9._\-]{8,64}\Z")
_KEY_SCHEMA = {"type": "string", "pattern": r"^[A-Za-z0-9._\-]{8,64}$"}

# The scope of what only a signed-in browser may do: no API key has it.
SESSION_ONLY = "session"

# Answers that say "not now" rather than "no": a repeat under the same key must be free to succeed.
_NOT_KEPT = {409, 429}


class StrictSerializer(serializers.Serializer[Any]):
    """Input that refuses fields it does not know, so that a client's typing error is not ignored, and other types."""

    def to_internal_value(self, data: Any) -> Any:
        """Validate, after checking names and types."""
        if isinstance(data, dict) and (unknown := set(data) - set(self.fields)):
            raise serializers.ValidationError({name: ["unknown field"] for name in sorted(unknown)})
        if isinstance(data, dict) and not self.context.get(IS_TEXT) and (wrong := wrong_types(self.fields, data)):
            raise serializers.ValidationError({name: ["wrong type"] for name in wrong})
        return super().to_internal_value(data)


class CodeOutput(serializers.ChoiceField):
    """A code of a registry; the schema names those that there are."""

    def __init__(self, registry: Registry[Any], **options: Any) -> None:
        """The choices are read for every answer: serializers copy their fields by making them anew."""
        super().__init__(choices=registry.choices(), **options)


class PageQuery(StrictSerializer):
    """The query of a list: an opaque cursor and a page size."""

    cursor = serializers.CharField(required=False, min_length=1)
    size = serializers.IntegerField(required=False, min_value=1, max_value=100, default=20)


class Problem(serializers.Serializer[Any]):
    """A refusal (RFC 9457): `code` is stable, `context` holds numbers, `errors` messages per field."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    context = serializers.DictField()  # type: ignore[assignment]  # DRF takes fields off the class; the base's stay
    errors = serializers.DictField()  # type: ignore[assignment]  # likewise


class Schema(AutoSchema):
    """Reads an endpoint's nested Input and Output, so that the schema cannot drift from the code.

    `Output` answers every method but DELETE unless the view names another, e.g. `PostOutput`;
    likewise `Input` for bodies. `paged = True` wraps GET's Output in a page.
    """

    def get_request_serializer(self) -> Any:
        """The view's Input."""
        return self._nested("Input")

    def get_response_serializers(self) -> Any:
        """The view's Output under the status that the view answers with, and what it may refuse."""
        if self.method == "GET" and (answers := getattr(self.view, "answers", None)) is not None:
            return {**answers, **self._refusals()}
        output = self._nested("Output")
        if output is None or self.method == "DELETE":
            return {204: None, **self._refusals()}
        status = 200 if self.method != "POST" else getattr(self.view, "created_status", 200)
        return {status: output, **self._refusals()}

    def get_override_parameters(self) -> list[Any]:
        """The Idempotency-Key of POSTs that move something; the query of GETs."""
        if self.method == "POST" and isinstance(self.view, IdempotentPost):
            return [OpenApiParameter("Idempotency-Key", _KEY_SCHEMA, location="header", required=True)]
        return [query] if self.method == "GET" and (query := self._query()) else []

    def get_description(self) -> str:  # type: ignore[override]  # typed as the base of the class it replaces
        """What the endpoint says of itself: an idempotent POST's own words are at post_once, or at the class."""
        if self.method == "POST" and isinstance(self.view, IdempotentPost):
            return str(get_doc(type(self.view).post_once) or get_doc(type(self.view)))
        return str(super().get_description())

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        """PlaceOrder.Input becomes PlaceOrderInput: nested names alone would collide."""
        return str(type(serializer).__qualname__).replace(".", "")

    def _refusals(self) -> dict[Any, Any]:
        """Problem documents by status, each with the codes that its `code` may have."""
        codes: dict[int, set[str]] = defaultdict(set)
        for status, code in self._frame():
            codes[status].add(code)
        for error in self._raised():
            codes[error.kind.value].add(error.code)
        shape = self.resolve_serializer(Problem, "response").ref
        return {
            (status, problem.CONTENT_TYPE): _refused(shape, sorted(of_status))
            for status, of_status in sorted(codes.items())
        }

    def _frame(self) -> Iterator[tuple[int, str]]:
        """Status and code of what is refused around the endpoint's own code."""
        if not self._is_open_to_all():
            yield 401, "not_authenticated"
            yield 403, "permission_denied"
        if self.method != "GET":
            yield 403, "csrf_failed"
        if self.method in {"POST", "PUT", "PATCH"}:
            yield from ((400, "parse_error"), (408, "body_too_slow"), (413, "body_too_large"))
            yield 415, "unsupported_media_type"
        if self.get_request_serializer() if self.method != "GET" else self._query():
            yield 400, "validation_failed"
        if self._is_paged():
            yield 400, CursorNotValid.code
        if "{" in self.path:
            yield 404, "not_found"

    def _is_open_to_all(self) -> bool:
        return any(isinstance(permission, AllowAny) for permission in self.view.get_permissions())

    def _raised(self) -> Iterator[type[DomainError]]:
        """What the endpoint, who lets it be asked, and what carries it raise."""
        yield Busy
        of: Any = type(self.view)
        if (stream := getattr(of, "stream", None)) is not None:
            yield from refusals_of(stream)
            return
        if not self._is_open_to_all():
            yield AnotherMember
        if self.method == "POST" and isinstance(self.view, IdempotentPost):
            yield from (IdempotencyKeyMissing, IdempotencyKeyReused, RequestInFlight)
            yield from refusals_of(of.post_once, of=of)
        else:
            yield from refusals_of(getattr(of, (self.method or "").lower()), of=of)
        for authenticator in of.authentication_classes:
            yield from refusals_of(authenticator.authenticate, of=authenticator)
            yield ScopeMissing

    def _is_list_view(self, serializer: Any = None) -> bool:
        return self.method == "GET" and (self._is_paged() or bool(getattr(self.view, "unpaged_list", False)))

    def _is_paged(self) -> bool:
        return self.method == "GET" and bool(getattr(self.view, "paged", False))

    def _get_paginator(self) -> Any:
        return _PageShape() if self._is_paged() else None

    def _query(self) -> Any:
        """GET's query: `GetInput`, or `Input` where no other method of the view could mean it, or a list's cursor."""
        is_alone = not any(hasattr(self.view, method) for method in ("post", "put", "patch"))
        own = getattr(self.view, "GetInput", None) or (getattr(self.view, "Input", None) if is_alone else None)
        return own or (PageQuery if self._is_paged() else None)

    def _nested(self, name: str) -> Any:
        own = f"{(self.method or '').capitalize()}{name}"
        return getattr(self.view, own, None) or getattr(self.view, name, None)


def _refused(shape: dict[str, Any], codes: list[str]) -> OpenApiResponse:
    has_code = {"type": "object", "properties": {"code": {"type": "string", "enum": codes}}}
    return OpenApiResponse({"allOf": [shape, has_code]}, description=", ".join(codes))


class _PageShape:
    """Tells the schema what page_response() sends."""

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """None of its own: PageQuery is among the schema's overrides."""
        return []

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        properties = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": list(properties), "properties": properties}


class Endpoint(APIView):
    """One operation (or one address) of the JSON API: parse, one service call, answer."""

    permission_classes: Any = (IsAuthenticated,)
    schema: Any = Schema()
    # What an API key must be allowed for this endpoint; every endpoint names one, and a session has them all.
    # A method that needs another one names it beside, e.g. `delete_scope`.
    scope: ClassVar[str]
    # What GET answers where that is no JSON: media type and shape by status, as drf-spectacular has them.
    answers: ClassVar[dict[Any, Any] | None] = None
    paged: ClassVar[bool] = False
    unpaged_list: ClassVar[bool] = False
    created_status: ClassVar[int] = 200

    @property
    def user_id(self) -> UserId:
        """The signed-in member."""
        pk = self.request.user.pk
        if pk is None:
            raise NotAuthenticated
        return UserId(pk)

    @property
    def credential(self) -> Any:
        """The API key that asks, as its authentication knows it; None for a session."""
        return self.request.auth

    def check_permissions(self, request: Request) -> None:
        """Ask the permission classes, then whether the API key, if it was one, is for this."""
        super().check_permissions(request)
        if self._is_for_another(request):
            raise AnotherMember
        granted = getattr(self.credential, "scopes", None)
        if granted is None:
            return  # no key asks; an endpoint that takes none names no scope
        needed = getattr(self, f"{(request.method or '').lower()}_scope", None) or self.scope
        if needed not in granted:
            raise ScopeMissing(scope=needed)

    @staticmethod
    def _is_for_another(request: Request) -> bool:
        """Was the page that asks made for another member than the one who is signed in?"""
        member, of_page = str(request.user.pk), request.headers.get("X-Member")
        return request.user.is_authenticated and of_page not in (None, member)

    def parse(self, request: Request, form: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The validated body, or query for GET; raises DRF's ValidationError, which becomes a problem document."""
        is_query = request.method == "GET"
        data = request.query_params.dict() if is_query else request.data
        parsed = form(data=data, context={IS_TEXT: is_query})
        parsed.is_valid(raise_exception=True)
        values: dict[str, Any] = parsed.validated_data
        return values


class IdempotentPost(Endpoint):
    """A POST that moves money, quota, points, chances or stock: the same key and body have one effect and one answer.

    4xx answers are kept too (a key that was refused stays refused); 409, 429 and 5xx are not.
    """

    created_status = 201

    def post(self, request: Request, **url: Any) -> Response:
        """Replay the kept answer, or do the work once and keep its answer."""
        key = request.headers.get("Idempotency-Key", "")
        if not _KEY.match(key):
            raise IdempotencyKeyMissing
        claim = idempotency.claim(
            scope=f"user:{self.user_id}",
            key=key,
            fingerprint=idempotency.fingerprint("POST", request.path, request.data),
            now=clock.now(),
        )
        if claim.answer is not None:
            return _replayed(*claim.answer)
        try:
            answer = self._answer(lambda: self.post_once(request, request_id=key, **url))
        except BaseException:
            idempotency.release(row_id=claim.row_id)
            raise
        if answer.status_code in _NOT_KEPT:
            idempotency.release(row_id=claim.row_id)
        else:
            kept = json.loads(JSONRenderer().render(answer.data))
            idempotency.settle(row_id=claim.row_id, status=answer.status_code, body=kept)
        return answer

    @abstractmethod
    def post_once(self, request: Request, *, request_id: str, **url: Any) -> Response:
        """Do the work. `request_id` is the service's unique business key (per member)."""

    def _answer(self, work: Callable[[], Response]) -> Response:
        """The work's answer, a refusal included; anything else is a bug and passes through."""
        try:
            return work()
        except Exception as error:  # only those that exception_handler knows become answers
            refusal = problem.exception_handler(error, self.get_exception_handler_context())
            if refusal is None or refusal.status_code >= 500:
                raise
            return refusal


def event_stream(
    *,
    example: str,
    parameters: Sequence[OpenApiParameter] = (),
    permissions: Sequence[Any] = Endpoint.permission_classes,
) -> Callable[[View], Callable[..., Any]]:
    """Make an endpoint of an async view that streams server-sent events; its docstring describes it in the schema.

    DRF cannot serve such a view, and the schema is made of DRF's views: they are known by the `cls` and `initkwargs`
    that as_view() leaves on them. Here `cls` only describes, and is never asked to answer.
    """
    events = OpenApiResponse(str, examples=[OpenApiExample("events", value=example, media_type="text/event-stream")])

    def decorate(view: View) -> Callable[..., Any]:
        class Described(Endpoint):
            permission_classes = permissions
            answers: ClassVar[Any] = {(200, "text/event-stream"): events}
            stream = staticmethod(view)

            @extend_schema(description=get_doc(view), parameters=list(parameters))
            def get(self, request: Request, **url: Any) -> Response:
                raise NotImplementedError

        @wraps(view)
        async def answer(request: HttpRequest, **url: Any) -> HttpResponseBase:
            if request.method != "GET":
                refusal = problem.plain(status=405, code="method_not_allowed")
                refusal.headers["Allow"] = "GET"
                return refusal
            try:
                return await view(request, **url)
            except DomainError as error:
                return problem.response(error)

        vars(answer).update(cls=Described, initkwargs={})
        return answer

    return decorate


def shown(output: type[serializers.Serializer[Any]], value: Any) -> Any:
    """A value as `output` shows it. Its fields are made once per process: a serializer makes its own anew each time."""
    return _shape(output).to_representation(value)


@cache
def _shape(output: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    return output()


def page_response(request: Request, page: Page[Any], output: type[serializers.Serializer[Any]]) -> Response:
    """A page as {"next", "previous", "results"} with absolute links that keep the other query parameters."""
    return Response(
        {
            "next": _link(request, page.next),
            "previous": _link(request, page.previous),
            "results": [shown(output, item) for item in page.items],
        }
    )


def _link(request: Request, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    query = {**request.query_params.dict(), "cursor": cursor}
    return request.build_absolute_uri(f"{request.path}?{urlencode(query)}")


def _replayed(status: int, body: Any) -> Response:
    content_type = problem.CONTENT_TYPE if status >= 400 else None
    return Response(body, status=status, headers={"Idempotent-Replay": "true"}, content_type=content_type)
