"""Pages of accounts, and the door that WeChat's server knocks at."""

import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from apps.accounts import avatars, rules, services, sessions
from apps.accounts.contracts import LOGIN_KEYWORD, CallbackRequest, SignInMethod
from apps.accounts.errors import CallbackForged, OAuthCodeNotValid
from apps.kernel import clock, limits, visitors
from apps.kernel.credentials import signed_in
from apps.kernel.errors import DomainError

# WeChat's messages are about 1 KiB; the longest text is 2 KiB, and encryption adds half.
CALLBACK_BODY_LIMIT = 64 * 1024
ECHO_LIMIT = 256
# Where the session keeps the question that WeChat's browser was sent away with.
OAUTH_KEY = "wechat_oauth"


@csrf_exempt  # WeChat's server has no cookie; every request carries a signature instead
@require_http_methods(["GET", "POST"])
def wechat_callback(request: HttpRequest) -> HttpResponse:
    """GET verifies our address, POST delivers messages and events."""
    body = request.read(CALLBACK_BODY_LIMIT + 1)
    now = clock.now()
    try:
        if request.method == "GET":
            echo = request.GET.get("echostr", "")[:ECHO_LIMIT]
            services.check_callback(request=_callback_request(request, echo.encode()), now=now)
            return HttpResponse(echo, content_type="text/plain")
        callback = _callback_request(request, body)
        if len(body) > CALLBACK_BODY_LIMIT:
            services.check_callback(request=callback, now=now)  # its signature is used up all the same
            return HttpResponse(status=413)
        answer = services.answer_callback(request=callback, now=now)
    except CallbackForged:
        return HttpResponse("forbidden", status=403, content_type="text/plain")
    return _callback_answer(answer)


def late_callback(request: HttpRequest) -> HttpResponse:
    """What WeChat hears when `wechat_callback` does not come back in time; made from the request alone."""
    body = request.read(CALLBACK_BODY_LIMIT + 1)
    if request.method != "POST" or len(body) > CALLBACK_BODY_LIMIT:
        return HttpResponse("busy", status=503, content_type="text/plain")
    try:
        answer = services.answer_late_callback(request=_callback_request(request, body), now=clock.now())
    except CallbackForged:
        return HttpResponse("forbidden", status=403, content_type="text/plain")
    return _callback_answer(answer)


def refused_callback(request: HttpRequest) -> HttpResponse | None:
    """What a stranger hears at once, and whoever uses a signature of WeChat's for something else; None for WeChat."""
    body = request.read(CALLBACK_BODY_LIMIT + 1)
    if request.method == "GET":
        body = request.GET.get("echostr", "")[:ECHO_LIMIT].encode()
    callback = _callback_request(request, body)
    if services.admit_callback(request=callback, use=f"{request.method} {request.path}", now=clock.now()):
        return None
    return HttpResponse("forbidden", status=403, content_type="text/plain")


@require_safe
@never_cache
def login_page(request: HttpRequest) -> HttpResponse:
    """Sign in; who is signed in already goes on to where they wanted to go."""
    target = safe_next(request)
    if request.user.is_authenticated:
        return redirect(target)
    context = {
        "next": target,
        "official_account": services.official_account_name(),
        "keyword": LOGIN_KEYWORD,
        # The embedded set-up has a phone of its own to sign in with.
        "sandbox_url": "/sandbox/" if apps.is_installed("apps.sandbox") else "",
        "code_length": rules.CODE_LENGTH,
        "code_minutes": rules.CODE_MINUTES,
        "in_wechat": (in_wechat := "MicroMessenger" in request.headers.get("User-Agent", "")),
        "can_oauth": in_wechat and services.can_offer_oauth(),
        # Carried to WeChat and back; what it holds is checked by whoever hears of a registration.
        "invite": request.GET.get("invite", "")[: rules.INVITE_LENGTH],
    }
    return render(request, "accounts/login.html", context)


@require_GET
@never_cache
def go_to_wechat(request: HttpRequest) -> HttpResponse:
    """Send WeChat's own browser to ask who holds it; only this session can use the answer, once."""
    now = clock.now()
    network = rules.network_of(visitors.address_of(request))
    limits.hit(f"login_wechat:{network}", limit=rules.OAUTH_PER_NETWORK, window=timedelta(minutes=1), now=now)
    state = secrets.token_urlsafe(24)
    invite = request.GET.get("invite") or request.COOKIES.get(sessions.INVITE_COOKIE, "")
    request.session[OAUTH_KEY] = {
        "state": state,
        "asked_at": int(now.timestamp()),
        "next": safe_next(request),
        "invite": invite[: rules.INVITE_LENGTH],
    }
    redirect_uri = settings.PUBLIC_URL + reverse("login-wechat-back")
    return HttpResponseRedirect(services.authorize_url(redirect_uri=redirect_uri, state=state))


@require_GET
@never_cache
def back_from_wechat(request: HttpRequest) -> HttpResponse:
    """Sign in whom WeChat's code names, if the answer belongs to a question of this session that is still open."""
    now = clock.now()
    asked: dict[str, Any] = request.session.pop(OAUTH_KEY, {})
    target = asked.get("next", str(settings.LOGIN_REDIRECT_URL))
    try:
        state = request.GET.get("state", "")
        is_ours = secrets.compare_digest(asked.get("state", "").encode(), state.encode()) and state != ""
        if not is_ours or now.timestamp() - asked["asked_at"] > rules.OAUTH_LIFETIME.total_seconds():
            raise OAuthCodeNotValid()
        signed_in = services.sign_in_with_oauth(code=request.GET.get("code", ""), invite_code=asked["invite"], now=now)
        sessions.sign_in(request, user_id=signed_in.profile.id, method=SignInMethod.OAUTH, now=now)
    except DomainError as refusal:
        messages.error(request, _(refusal.title))
        return redirect(f"{settings.LOGIN_URL}?{urlencode({'next': target})}")
    response = redirect(target)
    sessions.remember_language(request, response, signed_in.profile.language)
    return response


@require_safe
@never_cache
@login_required
def account_page(request: HttpRequest) -> HttpResponse:
    """The member's own page: who they are here, what they have, and the way to everything else of theirs."""
    context = {"nickname_length": rules.NICKNAME_LENGTH, "languages": settings.LANGUAGES}
    return _member_page(request, "accounts/account.html", context)


@require_safe
@never_cache
@login_required
def security_page(request: HttpRequest) -> HttpResponse:
    """Where the member is signed in, and how they came in."""
    user_id = signed_in(request)
    context = {
        "sessions": services.sessions_of(user_id=user_id, session_key=request.session.session_key, now=clock.now()),
        "logins": services.logins_of(user_id=user_id, cursor=request.GET.get("cursor"), size=rules.LOGINS_PER_PAGE),
    }
    return _member_page(request, "accounts/security.html", context)


@require_safe
@never_cache
@login_required
def keys_page(request: HttpRequest) -> HttpResponse:
    """The member's API keys."""
    context = {
        "keys": services.api_keys_of(user_id=signed_in(request)),
        "base_url": request.build_absolute_uri("/v1"),
        "now": clock.now(),
        "most_credits": rules.LARGEST_SPEND_CAP_MILLI // 1000,
        "most_per_minute": rules.MOST_REQUESTS_PER_MINUTE,
        "most_tokens": rules.MOST_TOKENS_PER_MINUTE,
        "most_parallel": rules.MOST_PARALLEL,
    }
    return _member_page(request, "accounts/keys.html", context)


@require_safe
@never_cache
@login_required
def data_page(request: HttpRequest) -> HttpResponse:
    """Take a copy of everything, or leave."""
    return _member_page(request, "accounts/own_data.html", {"kept_days": services.kept_for().days})


@require_safe
@cache_control(public=True, max_age=30 * 24 * 3600)
def avatar(request: HttpRequest, code: str) -> HttpResponse:
    """One picture of our set, the same for everybody."""
    try:
        svg = avatars.avatar_svg(code)
    except KeyError:
        raise Http404 from None
    return HttpResponse(svg, content_type="image/svg+xml")


def _member_page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    profile = services.get_profile(user_id=signed_in(request))
    return render(request, template, {"profile": profile, **context})


def safe_next(request: HttpRequest) -> str:
    """Where to go after sign-in: `next` if it is a page of ours, else the chat."""
    target = request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(target, allowed_hosts=None) and target.startswith("/"):
        return target
    return str(settings.LOGIN_REDIRECT_URL)


def _callback_answer(answer: str) -> HttpResponse:
    content_type = "text/plain" if answer == "success" else "text/xml"
    return HttpResponse(answer, content_type=f"{content_type}; charset=utf-8")


def _callback_request(request: HttpRequest, body: bytes) -> CallbackRequest:
    query = request.GET
    return CallbackRequest(
        signature=query.get("signature", ""),
        timestamp=query.get("timestamp", ""),
        nonce=query.get("nonce", ""),
        encrypt_type=query.get("encrypt_type", ""),
        msg_signature=query.get("msg_signature", ""),
        body=body,
    )
