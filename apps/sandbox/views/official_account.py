"""The official account's API as api.weixin.qq.com speaks it: every answer is HTTP 200, refusals carry an errcode.

A fault that is switched on strikes before the call is looked at.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from apps.kernel import clock
from apps.sandbox.errors import AccountRefusal, Broken
from apps.sandbox.services import api_faults, oauth, official_account

Answer = dict[str, Any]
View = Callable[[HttpRequest], HttpResponse]
_OK: Answer = {"errcode": 0, "errmsg": "ok"}


def _spoken(*, suffers: tuple[str, ...] | None) -> Callable[[Callable[[HttpRequest], Answer]], View]:
    """Make a view of a function that returns the answer's members or raises AccountRefusal."""

    def decorate(answer: Callable[[HttpRequest], Answer]) -> View:
        @wraps(answer)
        def view(request: HttpRequest) -> HttpResponse:
            try:
                api_faults.strike(among=suffers)
                body = answer(request)
            except AccountRefusal as refusal:
                body = {"errcode": refusal.errcode, "errmsg": refusal.errmsg}
            except Broken:
                return HttpResponse("<html><body>500 Internal Server Error</body></html>", status=500)
            return JsonResponse(body, json_dumps_params={"ensure_ascii": False})

        return view

    return decorate


@require_GET
@_spoken(suffers=api_faults.OUTAGES)
def token(request: HttpRequest) -> Answer:
    """GET cgi-bin/token"""
    return official_account.issue_token(
        app_id=request.GET.get("appid", ""), secret=request.GET.get("secret", ""), now=clock.now()
    )


@csrf_exempt
@require_POST
@_spoken(suffers=api_faults.OUTAGES)
def stable_token(request: HttpRequest) -> Answer:
    """POST cgi-bin/stable_token"""
    body = _body(request)
    return official_account.issue_stable_token(
        app_id=str(body.get("appid", "")),
        secret=str(body.get("secret", "")),
        force=body.get("force_refresh") is True,
        now=clock.now(),
    )


@csrf_exempt
@require_POST
@_spoken(suffers=api_faults.EVERYTHING)
def create_qrcode(request: HttpRequest) -> Answer:
    """POST cgi-bin/qrcode/create"""
    _check_token(request)
    return official_account.create_ticket(request=_body(request), now=clock.now())


@require_GET
@_spoken(suffers=api_faults.EVERYTHING)
def user_info(request: HttpRequest) -> Answer:
    """GET cgi-bin/user/info"""
    _check_token(request)
    return official_account.user_info(openid=request.GET.get("openid", ""))


@csrf_exempt
@require_POST
@_spoken(suffers=api_faults.EVERYTHING)
def send_service_message(request: HttpRequest) -> Answer:
    """POST cgi-bin/message/custom/send; texts only"""
    _check_token(request)
    body = _body(request)
    text = body.get("text")
    content = text.get("content") if isinstance(text, dict) else None
    if body.get("msgtype") != "text" or not isinstance(content, str) or not content:
        raise AccountRefusal(40008, "invalid message type")
    official_account.deliver_message(openid=str(body.get("touser", "")), text=content, now=clock.now())
    return _OK


@require_GET
@_spoken(suffers=api_faults.REFUSALS_AND_OUTAGES)
def oauth_token(request: HttpRequest) -> Answer:
    """GET sns/oauth2/access_token"""
    if request.GET.get("grant_type") != "authorization_code":
        raise AccountRefusal(40002, "invalid grant_type")
    return oauth.exchange(
        app_id=request.GET.get("appid", ""),
        secret=request.GET.get("secret", ""),
        code=request.GET.get("code", ""),
        now=clock.now(),
    )


@csrf_exempt
@_spoken(suffers=api_faults.OUTAGES)
def unknown(request: HttpRequest) -> Answer:
    """Any other address."""
    raise AccountRefusal(40066, "invalid url")


def _check_token(request: HttpRequest) -> None:
    official_account.check_token(token=request.GET.get("access_token", ""), now=clock.now())


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise AccountRefusal(47001, "data format error")
    return body
