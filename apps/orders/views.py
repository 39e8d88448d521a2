"""Pages of the shop, and the door for payment notifications."""

import io
from typing import Any, cast
from uuid import UUID

import segno
from django.apps import apps as installed
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from apps.kernel import clock
from apps.kernel.ids import UserId
from apps.orders import selectors, services

# A WeChat Pay notification has less than 4 kB.
MAX_NOTICE_BYTES = 64 * 1024


@require_safe
def shop(request: HttpRequest) -> HttpResponse:
    """The product cards and the pay sheet; anybody may look."""
    context = {"products": selectors.products_on_sale(), "gateway": "wechat", **_surroundings()}
    return render(request, "orders/shop.html", context)


@login_required
@require_safe
def order_list(request: HttpRequest) -> HttpResponse:
    """A member's orders, newest first."""
    page = selectors.page_of_orders(user_id=_member(request), cursor=request.GET.get("cursor"))
    return render(request, "orders/order_list.html", {"page": page, **_surroundings()})


@login_required
@require_safe
def order_page(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """One order: what, how much, where it stands, and paying it if that is still possible."""
    order = selectors.find_order(user_id=_member(request), order_id=order_id)
    return render(request, "orders/order_page.html", {"order": order, **_surroundings()})


@login_required
@require_safe
def order_code(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """The code to scan, drawn here: what it contains is nobody else's business."""
    order = selectors.find_order(user_id=_member(request), order_id=order_id)
    if order.pay is None:
        raise Http404
    picture = io.BytesIO()
    segno.make(order.pay.content, error="m", micro=False).save(picture, kind="svg", border=2, scale=8, light="#fff")
    return HttpResponse(picture.getvalue(), content_type="image/svg+xml")


@csrf_exempt
@require_POST
def wechat_notify(request: HttpRequest) -> HttpResponse:
    """WeChat Pay's notification: 204 means "do not send again", 4xx with FAIL means "not accepted"."""
    # The declared length is checked first, so that an honest giant is not read; a body may come without one.
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_NOTICE_BYTES or len(request.body) > MAX_NOTICE_BYTES:
        return _fail("too long", 413)
    try:
        services.receive_notice(gateway="wechat", headers=request.headers, body=request.body, now=clock.now())
    except services.NoticeRejected as refusal:
        return _fail(f"not accepted, reference {refusal.context['reference']}", 400)
    except services.GatewayUnknown:
        return _fail("not set up here", 404)
    return HttpResponse(status=204)


def _fail(message: str, status: int) -> JsonResponse:
    return JsonResponse({"code": "FAIL", "message": message}, status=status)


def _member(request: HttpRequest) -> UserId:
    return UserId(cast(UUID, request.user.pk))  # login_required stands before every caller


def _surroundings() -> dict[str, Any]:
    """The embedded set-up has a phone to pay with; the pages point to it."""
    return {"has_phone": installed.is_installed("apps.sandbox")}
