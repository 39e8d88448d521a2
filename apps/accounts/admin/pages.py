"""How operators sign in to the admin, and set up their second factor."""

from typing import Any

import segno
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps.accounts import services
from apps.accounts.errors import SecondFactorWrong
from apps.accounts.forms import OperatorLoginForm, SecondFactorForm
from apps.accounts.models import User
from apps.kernel import clock
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
            services.sign_in_operator(request=request, now=clock.now(), **form.cleaned_data)
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
    if is_set_up and not services.has_passed_second_factor(request=request):
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


def _change(request: HttpRequest, user_id: UserId, code: str, *, is_set_up: bool) -> HttpResponse:
    """Turn the second factor on and show the backup codes, or off. Raises SecondFactorWrong, RateLimited."""
    now = clock.now()
    if is_set_up:
        services.check_second_factor(user_id=user_id, code=code, now=now)
        services.remove_second_factor(user_id=user_id, actor=actor(request), reason="by the operator", now=now)
        messages.success(request, _("The second factor is off."))
        return redirect("operator-second-factor")
    codes = services.finish_enrolment(user_id=user_id, code=code, now=now)
    services.pass_second_factor(request=request)
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
