"""Health for load balancers, metrics for Prometheus, and what is said where no view answers."""

import ipaddress

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView
from redis.exceptions import RedisError

from apps.kernel import problem
from apps.kernel.streams import sync_redis


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """What the process needs answers too: 200, or 503 naming what does not."""
    missing = []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        missing.append("database")
    try:
        sync_redis().ping()
    except RedisError:
        missing.append("redis")
    return JsonResponse(
        {"status": "ok" if not missing else "unavailable", "missing": missing}, status=503 if missing else 200
    )


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus's text, for a scraper on the internal network only: never through a proxy, never from outside."""
    # A unix socket has no remote address: a proxy is in front, and a proxy is no scraper.
    address = request.META.get("REMOTE_ADDR")
    if not address or "HTTP_X_FORWARDED_FOR" in request.META or not ipaddress.ip_address(address).is_private:
        raise PermissionDenied
    answer: HttpResponse = ExportToDjangoView(request)
    return answer


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: a host that is not ours, a body that is too large, and their like."""
    if not problem.is_for_programs(request):
        return defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        return problem.plain(status=413, code="body_too_large")
    return problem.plain(status=400, code="invalid")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    if problem.is_for_programs(request):
        return problem.plain(status=403, code="permission_denied")
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    if problem.is_for_programs(request):
        return problem.plain(status=404, code="not_found")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500; the fault is in the log."""
    if problem.is_for_programs(request):
        return problem.plain(status=500, code="internal_error")
    return defaults.server_error(request)
