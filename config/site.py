"""The admin of this site: only with the second factor, where there is one, and sessions that can be seen and ended."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest, HttpResponse


class OperatorAdminConfig(AdminConfig):
    """django.contrib.admin with our site."""

    default_site = "config.site.OperatorSite"


class OperatorSite(AdminSite):
    """Django's admin; its sign-in page is accounts' (config/urls.py puts that before this site)."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether this is an operator who proved themselves with everything that they have to."""
        from apps.accounts import services  # noqa: PLC0415  # this module is read before models exist

        return super().has_permission(request) and services.has_passed_second_factor(request=request)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """End the session on both sides."""
        from apps.accounts import services  # noqa: PLC0415
        from apps.kernel import clock  # noqa: PLC0415

        if request.method == "POST":
            services.end_session(request=request, now=clock.now())
        answer: HttpResponse = super().logout(request, extra_context)
        return answer
