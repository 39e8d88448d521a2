"""WeChat Pay's books: orders placed, looked up, closed and paid. One order, one state, one transition at a time."""

import secrets
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.sandbox.contracts import PaymentCard
from apps.sandbox.errors import CodeExpired, PaymentSettled, PayRefusal, ScannedByAnother, UnknownCode
from apps.sandbox.models import Payment, PaymentState
from apps.sandbox.rules.payments import CODE_LIFE, NotAcceptable, Prepay, read_prepay

CODE_PREFIX = "weixin://wxpay/bizpayurl?pr="
_BEIJING = ZoneInfo("Asia/Shanghai")
_STATE_TEXTS = {
    PaymentState.NOTPAY: "订单未支付",
    PaymentState.SUCCESS: "支付成功",
    PaymentState.CLOSED: "订单已关闭",
}


def place(*, request: dict[str, Any], now: datetime) -> str:
    """Place an order, or place it again with equal parameters, and return a fresh code_url; the old one dies.

    Raises PayRefusal.
    """
    merchant = settings.WECHAT_PAY
    try:
        prepay = read_prepay(request, app_id=merchant["APP_ID"], mch_id=merchant["MCH_ID"], now=now)
    except NotAcceptable as error:
        raise PayRefusal(400, "PARAM_ERROR", f"参数错误：{error}") from None
    code = secrets.token_urlsafe(9)
    try:
        with transaction.atomic():
            _create(prepay, code=code, now=now)
    except IntegrityError:
        _place_again(prepay, code=code, now=now)
    return CODE_PREFIX + code


def close(*, out_trade_no: str, now: datetime) -> None:
    """Close an unpaid order; closing it again does nothing. Raises PayRefusal, ORDERPAID for a paid one."""
    order = Payment.objects.filter(out_trade_no=out_trade_no)
    if order.filter(state=PaymentState.NOTPAY).update(state=PaymentState.CLOSED):
        return
    state = order.values_list("state", flat=True).first()
    if state is None:
        raise PayRefusal(404, "ORDER_NOT_EXIST", "订单不存在")
    if state == PaymentState.SUCCESS:
        raise PayRefusal(400, "ORDERPAID", "该订单已支付")


def find(*, out_trade_no: str = "", transaction_id: str = "", now: datetime) -> dict[str, Any]:
    """The transaction of one order by either number; raises PayRefusal 404."""
    if out_trade_no:
        order = Payment.objects.filter(out_trade_no=out_trade_no)
    else:
        order = Payment.objects.filter(transaction_id=transaction_id)
    # An order past its time_expire is closed by the platform, not by the merchant.
    order.filter(state=PaymentState.NOTPAY, expires_at__lte=now).update(state=PaymentState.CLOSED)
    payment = order.first()
    if payment is None:
        raise PayRefusal(404, "ORDER_NOT_EXIST", "订单不存在")
    return transaction_of(payment)


def transaction_of(payment: Payment) -> dict[str, Any]:
    """The order in the protocol's words, as queries and notifications show it."""
    amount: dict[str, Any] = {"total": payment.amount_fen, "currency": "CNY"}
    answer: dict[str, Any] = {
        "mchid": settings.WECHAT_PAY["MCH_ID"],
        "appid": settings.WECHAT_PAY["APP_ID"],
        "out_trade_no": payment.out_trade_no,
        "trade_type": "NATIVE",
        "trade_state": payment.state,
        "trade_state_desc": _STATE_TEXTS[PaymentState(payment.state)],
        "attach": payment.attach,
        "amount": amount,
    }
    if payment.paid_at is not None:
        amount |= {"payer_total": payment.amount_fen, "payer_currency": "CNY"}
        answer |= {
            "transaction_id": payment.transaction_id,
            "bank_type": "OTHERS",
            "success_time": beijing(payment.paid_at),
            "payer": {"openid": payment.scanned_by},
        }
    return answer


def beijing(moment: datetime) -> str:
    """A time as WeChat Pay writes it."""
    return moment.astimezone(_BEIJING).isoformat(timespec="seconds")


def scanned_order(*, content: str, openid: str, now: datetime) -> Payment:
    """The payable order behind a code, given to the one who scans it first.

    Raises UnknownCode, CodeExpired, ScannedByAnother, PaymentSettled.
    """
    payment = Payment.objects.filter(code=content.removeprefix(CODE_PREFIX)).first()
    if payment is None:
        raise UnknownCode
    if payment.state != PaymentState.NOTPAY:
        raise PaymentSettled(state=payment.state)
    if now >= min(payment.code_expires_at, payment.expires_at):
        raise CodeExpired
    if not Payment.objects.filter(pk=payment.pk, scanned_by__in=["", openid]).update(scanned_by=openid):
        raise ScannedByAnother
    return payment


def take_money(*, content: str, openid: str, now: datetime) -> Payment:
    """Turn a scanned order from NOTPAY to SUCCESS, once; raises what `scanned_order` raises."""
    order = Payment.objects.filter(pk=scanned_order(content=content, openid=openid, now=now).pk)
    is_mine = order.filter(state=PaymentState.NOTPAY).update(
        state=PaymentState.SUCCESS,
        paid_at=now,
        transaction_id=f"4200{now:%Y%m%d}{secrets.randbelow(10**16):016d}",
    )
    payment = order.get()
    if not is_mine:
        raise PaymentSettled(state=payment.state)
    return payment


def payable(*, now: datetime, limit: int = 10) -> list[PaymentCard]:
    """Orders that somebody can still pay, newest first."""
    open_orders = Payment.objects.filter(state=PaymentState.NOTPAY, expires_at__gt=now, code_expires_at__gt=now)
    return [card_of(payment) for payment in open_orders.order_by("-id")[:limit]]


def card_of(payment: Payment) -> PaymentCard:
    """The order as its payer sees it."""
    return PaymentCard(
        content=CODE_PREFIX + payment.code,
        title=payment.description,
        amount_fen=payment.amount_fen,
        state=payment.state,
        out_trade_no=payment.out_trade_no,
        expires_at=min(payment.expires_at, payment.code_expires_at),
    )


def _create(prepay: Prepay, *, code: str, now: datetime) -> None:
    Payment.objects.create(
        out_trade_no=prepay.out_trade_no,
        fingerprint=prepay.fingerprint,
        description=prepay.description,
        amount_fen=prepay.amount_fen,
        attach=prepay.attach,
        notify_url=prepay.notify_url,
        code=code,
        code_expires_at=now + CODE_LIFE,
        expires_at=prepay.expires_at,
        created_at=now,
    )


def _place_again(prepay: Prepay, *, code: str, now: datetime) -> None:
    order = Payment.objects.filter(out_trade_no=prepay.out_trade_no)
    same = order.filter(fingerprint=prepay.fingerprint, state=PaymentState.NOTPAY)
    if same.update(code=code, code_expires_at=now + CODE_LIFE):
        return
    payment = order.get()
    if payment.fingerprint != prepay.fingerprint:
        raise PayRefusal(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致")
    if payment.state == PaymentState.SUCCESS:
        raise PayRefusal(400, "ORDERPAID", "该订单已支付")
    raise PayRefusal(400, "ORDER_CLOSED", "该订单已关闭")
