"""The phone page, and the page that WeChat shows when a site asks who is there."""

from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.kernel import clock, visitors
from apps.sandbox.errors import OAuthRefused
from apps.sandbox.rules.visitors import check_is_local
from apps.sandbox.services import notifications, oauth, phone

# The phone page writes down here whose phone this browser holds.
_HELD = "sandbox_openid"


@require_GET
def phone_page(request: HttpRequest) -> HttpResponse:
    """GET /sandbox/; everything on it is fetched from /sandbox/phone."""
    _check_is_local(request)
    context = {"account": settings.WECHAT_OA["ORIGINAL_ID"], "ways": notifications.WAYS}
    return render(request, "sandbox/phone.html", context)


@require_GET
@never_cache
def authorize(request: HttpRequest) -> HttpResponse:
    """GET connect/oauth2/authorize: whose WeChat is asking? With `openid` nobody is asked, which is for programs."""
    _check_is_local(request)
    query = request.GET.dict()
    openid = query.pop("openid", "")
    try:
        if openid:
            return HttpResponseRedirect(oauth.authorize(query=query, openid=openid, now=clock.now()))
        oauth.check_request(query=query)
    except OAuthRefused as refusal:
        return render(request, "sandbox/authorize.html", {"refusal": refusal.context}, status=400)
    held = request.COOKIES.get(_HELD, "")
    choices = [
        {"phone": each, "is_held": each.openid == held, "href": f"?{urlencode({**query, 'openid': each.openid})}"}
        for each in phone.list_phones()
    ]
    # Whose phone this browser holds comes first; the others keep their order.
    choices.sort(key=lambda choice: not choice["is_held"])
    return render(request, "sandbox/authorize.html", {"choices": choices, "account": settings.WECHAT_OA["NAME"]})


def _check_is_local(request: HttpRequest) -> None:
    check_is_local(
        is_published=settings.SANDBOX_IS_PUBLISHED,
        address=visitors.address_of(request),
        is_forwarded=visitors.is_forwarded(request),
        origin="",
        host=request.get_host(),
    )
