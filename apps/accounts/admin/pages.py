"""How operators sign in to the admin, and set up their second factor."""

from typing import Any

import segno
from django.contrib import admin, messages
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps.accounts import services, sessions
from apps.accounts.contracts import SECOND_FACTOR_PASSED, SignInMethod
from apps.accounts.errors import SecondFactorWrong
from apps.accounts.forms import OperatorLoginForm, SecondFactorForm
from apps.accounts.models import User
from apps.kernel import clock, visitors
from apps.kernel.admin import actor
from apps.kernel.errors import DomainError
from apps.kernel.ids import UserId


@sensitive_post_parameters()
@never_cache
@csrf_protect
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The admin's sign-in page: one form for those with and without a second factor, and one refusal."""
    if request.method == "GET" and admin.site.has_permission(request):
        return redirect(_target(request))
    if _must_enrol(request):
        return redirect("operator-second-factor")
    form = OperatorLoginForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            _sign_in(request, **form.cleaned_data)
        except DomainError as refusal:
            form.add_error(None, _(refusal.title))
        else:
            return redirect("operator-second-factor" if _must_enrol(request) else _target(request))
    return _render(request, "admin/login.html", form=form, title=_("Sign in"), next=_target(request))


@sensitive_post_parameters()
@never_cache
@csrf_protect
@require_http_methods(["GET", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Set an authenticator up, or take it away; only for the operator themselves, with their password."""
    operator = request.user
    if not isinstance(operator, User) or not (operator.is_active and operator.is_staff):
        return redirect("admin:login")
    user_id = UserId(operator.pk)
    is_set_up = services.has_second_factor(user_id=user_id)
    if is_set_up and not request.session.get(SECOND_FACTOR_PASSED):
        return redirect("admin:login")
    form = SecondFactorForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            if not operator.check_password(form.cleaned_data["password"]):
                raise SecondFactorWrong
            return _change(request, user_id, form.cleaned_data["code"], is_set_up=is_set_up)
        except DomainError as refusal:
            form.add_error(None, _(refusal.title))
    return _page(request, user_id, form, is_set_up=is_set_up)


@method_decorator([sensitive_post_parameters(), never_cache, admin.site.admin_view], name="dispatch")
class ChangePassword(PasswordChangeView):
    """Django's page for an operator's own password; the change itself is a service's."""

    form_class = AdminPasswordChangeForm
    success_url = reverse_lazy("admin:password_change_done")

    def form_valid(self, form: Any) -> HttpResponse:
        """Change it; the form has asked for the old one."""
        if self.request.user.pk is None:
            raise PermissionDenied  # not behind admin_view
        services.change_password(
            user_id=UserId(self.request.user.pk),
            password=form.cleaned_data["new_password1"],
            session_key=self.request.session.session_key,
            now=clock.now(),
        )
        sessions.renew(self.request)
        return HttpResponseRedirect(str(self.success_url))

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """With what every page of the admin shows."""
        return {**admin.site.each_context(self.request), **super().get_context_data(**context)}


def _sign_in(request: HttpRequest, *, username: str, password: str, code: str) -> None:
    """Raises what `recognise_operator` and `start_session` raise."""
    now = clock.now()
    operator = services.recognise_operator(
        username=username,
        password=password,
        code=code,
        address=visitors.address_of(request),
        user_agent=request.headers.get("User-Agent", ""),
        now=now,
    )
    sessions.sign_in(request, user_id=operator.user_id, method=SignInMethod.OPERATOR, now=now)
    if operator.has_second_factor:
        request.session[SECOND_FACTOR_PASSED] = True


def _change(request: HttpRequest, user_id: UserId, code: str, *, is_set_up: bool) -> HttpResponse:
    """Turn the second factor on and show the backup codes, or off. Raises SecondFactorWrong, RateLimited."""
    now = clock.now()
    if is_set_up:
        services.check_second_factor(user_id=user_id, code=code, now=now)
        services.remove_second_factor(user_id=user_id, actor=actor(request), reason="by the operator", now=now)
        messages.success(request, _("The second factor is off."))
        return redirect("operator-second-factor")
    codes = services.finish_enrolment(user_id=user_id, code=code, now=now)
    request.session[SECOND_FACTOR_PASSED] = True
    return _render(request, "admin/second_factor.html", codes=codes, title=_("Backup codes"))


def _page(request: HttpRequest, user_id: UserId, form: SecondFactorForm, *, is_set_up: bool) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "title": _("Second factor"), "is_set_up": is_set_up}
    if is_set_up:
        context["codes_left"] = services.backup_codes_left(user_id=user_id)
    else:
        enrolment = services.begin_enrolment(user_id=user_id, now=clock.now())
        picture = segno.make(enrolment.uri, error="m", micro=False)
        context |= {"secret": enrolment.secret, "picture": picture.svg_data_uri(border=3, light="#fff", scale=5)}
    return _render(request, "admin/second_factor.html", **context)


def _must_enrol(request: HttpRequest) -> bool:
    """Whether somebody is signed in as an operator and lacks only an authenticator."""
    user = request.user
    if not isinstance(user, User) or not (user.is_active and user.is_staff) or admin.site.has_permission(request):
        return False
    return not services.has_second_factor(user_id=UserId(user.pk))


def _target(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if is_ours else reverse("admin:index")


def _render(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    return render(
        request, template, {**admin.site.each_context(request), "app_path": request.get_full_path(), **context}
    )
