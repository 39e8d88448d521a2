"""Refusals over HTTP: problem+json (RFC 9457) for clients, a page with the next step for people."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from rest_framework import exceptions
from rest_framework.response import Response

from apps.kernel import openai_shape
from apps.kernel.db import is_passing, renew_lost_connections
from apps.kernel.errors import Busy, DomainError, ErrorKind, known_refusals

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
# Seconds after which a locked database is worth another try.
_TRY_AGAIN_AFTER = 2

# DRF's own refusals under our stable codes.
_TITLES = {
    "not_authenticated": gettext_noop("Sign in first."),
    "permission_denied": gettext_noop("You may not do this."),
    "csrf_failed": gettext_noop("This page is out of date. Reload it, then try again."),
    "not_found": gettext_noop("There is nothing at this address."),
    "method_not_allowed": gettext_noop("This address does not take that method."),
    "unsupported_media_type": gettext_noop("Send JSON."),
    "parse_error": gettext_noop("The body is not valid JSON."),
    "body_too_slow": gettext_noop("The body came too slowly."),
    "body_too_large": gettext_noop("The body is too large."),
    "validation_failed": gettext_noop("Some fields are not valid."),
    "throttled": gettext_noop("Too many requests. Please wait a moment and try again."),
    "invalid": gettext_noop("This request cannot be carried out."),
    "internal_error": gettext_noop("Something broke on our side. Nothing half done was kept; please try again."),
}

# Programs call these, whatever they say that they accept.
_FOR_PROGRAMS = ("/api/", "/pay/", "/sandbox/phone/", "/sandbox/faults", "/sandbox/account")


def body(
    *,
    status: int,
    code: str,
    title: str,
    detail: str = "",
    context: dict[str, Any] | None = None,
    errors: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The members of one problem document."""
    return {
        "type": f"urn:chatloop:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail or title,
        "context": context or {},
        "errors": errors or {},
    }


def of_refusal(error: DomainError) -> dict[str, Any]:
    """A domain refusal as a problem document, its title in the reader's language."""
    return body(status=error.kind.value, code=error.code, title=_(error.title), context=dict(error.context))


def response(error: DomainError) -> JsonResponse:
    """A domain refusal as an HTTP answer, for views that are not DRF's."""
    answer = JsonResponse(of_refusal(error), status=error.kind.value, content_type=CONTENT_TYPE)
    for name, value in _headers(error).items():
        answer[name] = value
    return answer


def as_refusal(error: Exception) -> Exception:
    """The same error, but Busy for a database that was locked or away: what had begun is undone, a retry helps."""
    if not is_passing(error):
        return error
    # Its class and no more: its words may quote a row.
    logger.warning("the database was busy or away: %s", type(error.__cause__ or error).__name__)
    renew_lost_connections(error)
    return Busy(retry_after=_TRY_AGAIN_AFTER)


def busy(request: HttpRequest, refusal: Busy) -> HttpResponse:
    """Say so in the shape of the address; the page asks the database nothing."""
    if openai_shape.is_below(request.path):
        return openai_shape.refusal(
            status=refusal.kind.value, message=_(refusal.title), code=refusal.code, headers=_headers(refusal)
        )
    if is_for_programs(request):
        return response(refusal)
    return HttpResponse(render_to_string("503.html"), status=refusal.kind.value, headers=_headers(refusal))


def title_of(code: str) -> str:
    """What a code means, in the reader's language."""
    domain = next((error.title for error in known_refusals() if error.code == code), None)
    return _(domain or _TITLES[code])


def is_for_programs(request: HttpRequest) -> bool:
    """Whether refusals at this address are problem documents and not pages."""
    return request.path.startswith(_FOR_PROGRAMS) or openai_shape.is_below(request.path)


def plain(*, status: int, code: str) -> JsonResponse:
    """A refusal that no view of ours spoke, by one of the codes above."""
    document = body(status=status, code=code, title=_(_TITLES[code]))
    return JsonResponse(document, status=status, content_type=CONTENT_TYPE)


def unspoken(request: HttpRequest, *, status: int, code: str) -> JsonResponse:
    """plain() in the shape of the address."""
    if openai_shape.is_below(request.path):
        return openai_shape.refusal(status=status, message=_(_TITLES[code]), code=code)
    return plain(status=status, code=code)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER: every refusal in one shape; anything else stays a 500 and is logged."""
    error = as_refusal(error)
    if isinstance(error, DomainError):
        return Response(of_refusal(error), status=error.kind.value, headers=_headers(error), content_type=CONTENT_TYPE)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    return _of_drf(error)


def _of_drf(error: exceptions.APIException) -> Response:
    headers = {}
    errors: dict[str, Any] = {}
    status, code = error.status_code, str(error.default_code)
    if isinstance(error, exceptions.ValidationError):
        code = "validation_failed"
        errors = error.detail if isinstance(error.detail, dict) else {"non_field_errors": error.detail}
    elif isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        status, code = 401, "not_authenticated"
        headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(error, exceptions.PermissionDenied) and str(error.detail).startswith("CSRF Failed"):
        code = "csrf_failed"
    elif isinstance(error, exceptions.Throttled) and (wait := getattr(error, "wait", None)):
        headers["Retry-After"] = str(int(wait) + 1)
    title = _(_TITLES.get(code, _TITLES["invalid"]))
    return Response(
        body(status=status, code=code, title=title, errors=errors),
        status=status,
        headers=headers,
        content_type=CONTENT_TYPE,
    )


def _headers(error: DomainError) -> dict[str, str]:
    headers = {}
    if error.kind is ErrorKind.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    if (retry_after := error.context.get("retry_after")) is not None:
        headers["Retry-After"] = str(retry_after)
    return headers


class RefusalMiddleware(MiddlewareMixin):
    """Turns a refusal that a page's view did not handle itself into a page (or JSON for clients)."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Django calls this for exceptions out of views."""
        error = as_refusal(error)
        if isinstance(error, Busy):
            return busy(request, error)
        if not isinstance(error, DomainError):
            return None
        if is_for_programs(request):
            return response(error)
        context = {"problem": of_refusal(error)}
        return render(request, "kernel/refusal.html", context, status=error.kind.value)
