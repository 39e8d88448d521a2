"""Pages of the shop, and the door for payment notifications."""

import io
from typing import Any
from uuid import UUID

import segno
from django.apps import apps as installed
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from apps.chat import services as chat
from apps.kernel import clock
from apps.kernel.credentials import signed_in
from apps.orders import gateways, selectors, services
from apps.orders.contracts import OrderSummary

# A notification has less than 4 kB.
MAX_NOTICE_BYTES = 64 * 1024


@require_safe
def shop(request: HttpRequest) -> HttpResponse:
    """The product cards and the pay sheet; anybody may look. A member is reminded of what waits for their payment."""
    context = {
        "products": selectors.products_on_sale(),
        "open_order": _open_order(request),
        "gateway": gateways.preferred(),
        "free_per_day": chat.policy_on_show().free_per_day,
        **_surroundings(),
    }
    return render(request, "orders/shop.html", context)


@login_required
@require_safe
def order_list(request: HttpRequest) -> HttpResponse:
    """A member's orders, newest first."""
    page = selectors.page_of_orders(user_id=signed_in(request), cursor=request.GET.get("cursor"))
    context = {"page": page, "free_per_day": chat.policy_on_show().free_per_day, **_surroundings()}
    return render(request, "orders/order_list.html", context)


@login_required
@require_safe
def order_page(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """One order: what, how much, where it stands, and paying it if that is still possible."""
    order = selectors.find_order(user_id=signed_in(request), order_id=order_id)
    return render(request, "orders/order_page.html", {"order": order, **_surroundings()})


@login_required
@require_safe
def order_code(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """The code to scan, drawn here: what it contains is nobody else's business."""
    order = selectors.find_order(user_id=signed_in(request), order_id=order_id)
    if order.pay is None:
        raise Http404
    picture = io.BytesIO()
    segno.make(order.pay.content, error="m", micro=False).save(picture, kind="svg", border=2, scale=8, light="#fff")
    return HttpResponse(picture.getvalue(), content_type="image/svg+xml")


@csrf_exempt
@require_POST
def payment_notice(request: HttpRequest, gateway: str) -> HttpResponse:
    """A provider's notification: answered as it wants to be thanked, or by 4xx with FAIL: "not accepted"."""
    # The declared length is checked first, so that an honest giant is not read; a body may come without one.
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_NOTICE_BYTES or len(request.body) > MAX_NOTICE_BYTES:
        return _fail("too long", 413)
    try:
        reply = services.receive_notice(gateway=gateway, headers=request.headers, body=request.body, now=clock.now())
    except services.NoticeRejected as refusal:
        return _fail(f"not accepted, reference {refusal.context['reference']}", 400)
    except services.GatewayUnknown:
        return _fail("not set up here", 404)
    return HttpResponse(reply.text, status=reply.status)


def _fail(message: str, status: int) -> JsonResponse:
    return JsonResponse({"code": "FAIL", "message": message}, status=status)


def _open_order(request: HttpRequest) -> OrderSummary | None:
    if not request.user.is_authenticated:
        return None
    return selectors.newest_open_order(user_id=signed_in(request), now=clock.now())


def _surroundings() -> dict[str, Any]:
    """The embedded set-up has a phone to pay with; the pages point to it."""
    return {"has_phone": installed.is_installed("apps.sandbox")}
