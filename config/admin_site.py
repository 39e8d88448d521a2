"""The admin of this site: only with the second factor, where there is one, and sessions that can be seen and ended."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest, HttpResponse

from apps.kernel.ids import UserId


class OperatorAdminConfig(AdminConfig):
    """django.contrib.admin with our site."""

    default_site = "config.admin_site.OperatorSite"


class OperatorSite(AdminSite):
    """Django's admin; its sign-in page is accounts' (config/urls.py puts that before this site)."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether this is an operator who proved themselves with everything that they have to."""
        from apps.accounts import services  # noqa: PLC0415  # this module is read before models exist
        from apps.accounts.contracts import SECOND_FACTOR_PASSED  # noqa: PLC0415

        if not super().has_permission(request) or request.user.pk is None:
            return False
        has_passed = bool(request.session.get(SECOND_FACTOR_PASSED))
        return has_passed or not services.needs_second_factor(user_id=UserId(request.user.pk))

    def get_urls(self) -> list[Any]:
        """Django's addresses without "view on site": nothing here has a page there, and it fails on an id of ours."""
        return [address for address in super().get_urls() if getattr(address, "name", "") != "view_on_site"]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The navigation: by task; Django's page of one app keeps to that app."""
        from apps.kernel.admin.navigation import by_task  # noqa: PLC0415

        apps = super().get_app_list(request, app_label)
        return apps if app_label else by_task(apps, self._registry)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The home says what needs somebody now, what waits for a second person, and from where on one is needed."""
        from apps.kernel import approvals, clock  # noqa: PLC0415
        from apps.kernel.admin.alarms import alarms_for  # noqa: PLC0415

        context = {
            "alarms": alarms_for(request),
            "approval_limits": approvals.limits(),
            "open_proposals": approvals.open_proposals(now=clock.now()),
        }
        answer: HttpResponse = super().index(request, context | (extra_context or {}))
        return answer

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """End the session on both sides."""
        from apps.accounts import services  # noqa: PLC0415
        from apps.kernel import clock  # noqa: PLC0415

        if request.method == "POST":
            services.end_session(session_key=request.session.session_key, now=clock.now())
        answer: HttpResponse = super().logout(request, extra_context)
        return answer
