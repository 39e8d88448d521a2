"""WeChat Pay v3 as api.mch.weixin.qq.com speaks it: signed calls in, signed answers out."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from apps.kernel import clock
from apps.sandbox.errors import PayRefusal
from apps.sandbox.services import merchant_gate, payments

P = ParamSpec("P")
# The members of the answer; None is 204, an empty body.
Answer = dict[str, Any] | None


def _for_merchants(
    answer: Callable[Concatenate[HttpRequest, P], Answer],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Let a correctly signed call through and sign what it gets; refuse any other in the protocol's words."""

    @csrf_exempt
    @wraps(answer)
    def view(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            _check_signature(request)
            return _signed(answer(request, *args, **kwargs))
        except PayRefusal as refusal:
            return _refused(refusal)

    return view


@require_POST
@_for_merchants
def place(request: HttpRequest) -> Answer:
    """POST v3/pay/transactions/native"""
    body = _body(request)
    merchant_gate.check_merchant(body.get("mchid"))
    return {"code_url": payments.place(request=body, now=clock.now())}


@require_GET
@_for_merchants
def find_by_out_trade_no(request: HttpRequest, out_trade_no: str) -> Answer:
    """GET v3/pay/transactions/out-trade-no/{out_trade_no}"""
    merchant_gate.check_merchant(request.GET.get("mchid"))
    return payments.find(out_trade_no=out_trade_no, now=clock.now())


@require_GET
@_for_merchants
def find_by_id(request: HttpRequest, transaction_id: str) -> Answer:
    """GET v3/pay/transactions/id/{transaction_id}"""
    merchant_gate.check_merchant(request.GET.get("mchid"))
    return payments.find(transaction_id=transaction_id, now=clock.now())


@require_POST
@_for_merchants
def close(request: HttpRequest, out_trade_no: str) -> Answer:
    """POST v3/pay/transactions/out-trade-no/{out_trade_no}/close"""
    merchant_gate.check_merchant(_body(request).get("mchid"))
    payments.close(out_trade_no=out_trade_no, now=clock.now())
    return None


@csrf_exempt
def unknown(request: HttpRequest) -> HttpResponse:
    """Any other address. The protocol documents no code for it; this one is for things that are not there."""
    return _refused(PayRefusal(404, "RESOURCE_NOT_EXISTS", "请求的资源不存在"))


def _check_signature(request: HttpRequest) -> None:
    sent = request.get_full_path()
    merchant_gate.check_request(
        method=request.method or "",
        # We live below a prefix that the real host has not: a client may sign with it or without.
        targets=(sent, sent[sent.index("/v3/") :]),
        body=request.body.decode(errors="replace"),
        authorization=request.headers.get("Authorization", ""),
        serial=request.headers.get("Wechatpay-Serial", ""),
        now=clock.now(),
    )


def _refused(refusal: PayRefusal) -> HttpResponse:
    body = {"code": refusal.code, "message": refusal.message}
    return JsonResponse(body, status=refusal.status, json_dumps_params={"ensure_ascii": False})


def _signed(answer: Answer) -> HttpResponse:
    body = "" if answer is None else json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return HttpResponse(
        body,
        status=204 if answer is None else 200,
        content_type="application/json; charset=utf-8",
        headers=merchant_gate.signature_headers(body=body, now=clock.now()),
    )


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise PayRefusal(400, "PARAM_ERROR", "请求体不是JSON对象")
    return body
