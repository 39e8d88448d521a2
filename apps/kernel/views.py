"""Health for load balancers, metrics for Prometheus, and what is said where no view answers."""

import ipaddress
import sys

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from apps.kernel import problem, readiness, visitors
from apps.kernel.errors import Busy


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """What the process needs answers too, within two seconds: 200, or 503 naming what does not."""
    missing = readiness.missing()
    return JsonResponse(
        {"status": "ok" if not missing else "unavailable", "missing": missing}, status=503 if missing else 200
    )


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus's text, for a scraper on the internal network only: never through a proxy, never from outside."""
    address = visitors.address_of(request)
    if not address or visitors.is_forwarded(request) or not ipaddress.ip_address(address).is_private:
        raise PermissionDenied
    answer: HttpResponse = ExportToDjangoView(request)
    return answer


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: a host that is not ours, a body that is too large, and their like."""
    if not problem.is_for_programs(request):
        return defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        return problem.unspoken(request, status=413, code="body_too_large")
    return problem.unspoken(request, status=400, code="invalid")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    if problem.is_for_programs(request):
        return problem.unspoken(request, status=403, code="permission_denied")
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    if problem.is_for_programs(request):
        return problem.unspoken(request, status=404, code="not_found")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500; the fault is in the log. A database that was away before or after a view is none."""
    error = sys.exc_info()[1]
    refusal = problem.as_refusal(error) if isinstance(error, Exception) else None
    if isinstance(refusal, Busy):
        return problem.busy(request, refusal)
    if problem.is_for_programs(request):
        return problem.unspoken(request, status=500, code="internal_error")
    return defaults.server_error(request)
