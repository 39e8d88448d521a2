"""What a member does with the phone: follow, write, scan, confirm, pay; and what the phone then shows."""

import logging
import secrets
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from apps.sandbox import gateways
from apps.sandbox.contracts import (
    Line,
    LoginCard,
    LoginCode,
    PaymentCard,
    Phone,
    PhoneReplies,
    ScannedLogin,
    Screen,
)
from apps.sandbox.errors import CodeExpired, NothingToConfirm, UnknownCode
from apps.sandbox.models import Direction, Follower, LoginAnswer, Payment, PhoneMessage, Scan, Ticket
from apps.sandbox.rules.faults import Area
from apps.sandbox.services import faults, notifications, payments

logger = logging.getLogger(__name__)

# What WeChat itself shows when an account does not answer properly.
OUT_OF_SERVICE = "该公众号暂时无法提供服务，请稍后再试"
# What the member's press under a scanned login sends.
_WORDS = {LoginAnswer.CONFIRM: "确认登录", LoginAnswer.REFUSE: "取消"}
_LINES = 60


def create_phone(*, nickname: str, now: datetime) -> Phone:
    """Register a WeChat user with an openid of the usual 28 characters."""
    return _phone(
        Follower.objects.create(openid=f"oDemo{secrets.token_urlsafe(18)[:23]}", nickname=nickname, created_at=now)
    )


def list_phones() -> list[Phone]:
    """The WeChat users of the sandbox: the newest fifty, oldest first."""
    return [_phone(follower) for follower in reversed(Follower.objects.order_by("-id")[:50])]


def show_screen(*, openid: str, now: datetime) -> Screen:
    """Everything that this phone shows; an unknown openid is a phone just unpacked."""
    lines = PhoneMessage.objects.filter(openid=openid).select_related("scan__ticket").order_by("-id")[:_LINES]
    codes = Ticket.objects.filter(expires_at__gt=now, scans=None).order_by("-id")[:5]
    return Screen(
        phone=_phone(_follower(openid, now=now)),
        lines=[_line(message, now=now) for message in reversed(lines)],
        logins=[LoginCode(content=code.url, expires_at=code.expires_at) for code in codes],
        payments=payments.payable(now=now),
        faults=faults.count_on(),
    )


def rename_phone(*, openid: str, nickname: str, now: datetime) -> Phone:
    """Give a WeChat user another nickname."""
    _follower(openid, now=now)
    Follower.objects.filter(openid=openid).update(nickname=nickname)
    return _phone(Follower.objects.get(openid=openid))


def follow(*, openid: str, now: datetime) -> PhoneReplies:
    """Follow the account and return its replies."""
    _set_following(openid, is_following=True, now=now)
    _say(openid, Direction.NOTICE, _("You follow the account."), now=now)
    return _tell(openid, _event("subscribe", openid=openid, key="", now=now), now=now)


def unfollow(*, openid: str, now: datetime) -> PhoneReplies:
    """Unfollow the account, which cannot reply to that any more."""
    _set_following(openid, is_following=False, now=now)
    _say(openid, Direction.NOTICE, _("You no longer follow the account."), now=now)
    return _tell(openid, _event("unsubscribe", openid=openid, key="", now=now), now=now)


def text(*, openid: str, content: str, now: datetime) -> PhoneReplies:
    """Send the account a text and return its replies, as the member would read them."""
    _follower(openid, now=now)
    _say(openid, Direction.SENT, content, now=now)
    return _tell(openid, _text(content, openid=openid, now=now), now=now)


def scan(*, openid: str, content: str, now: datetime) -> ScannedLogin | PaymentCard:
    """Scan a login code, which tells the account, or a payment code, which shows the order.

    Raises UnknownCode, CodeExpired, ScannedByAnother, PaymentSettled.
    """
    if content.startswith(payments.CODE_PREFIX):
        return payments.card_of(payments.scanned_order(content=content, openid=openid, now=now))
    ticket = Ticket.objects.filter(url=content).first()
    if ticket is None:
        raise UnknownCode
    if ticket.expires_at <= now or faults.take(area=Area.SCAN, among=["expired_ticket"]):
        _say(openid, Direction.NOTICE, _("You scanned a login code that has expired."), now=now)
        raise CodeExpired
    return _scan_login(ticket, openid=openid, now=now)


def scan_early(*, content: str, now: datetime) -> None:
    """Scan a login code that the site does not hold yet, with the phone that followed last; without one, nothing."""
    eager = Follower.objects.filter(is_following=True).order_by("-followed_at").first()
    if eager is not None:
        _scan_login(Ticket.objects.get(url=content), openid=eager.openid, now=now)


def confirm(*, openid: str, content: str, answer: str, now: datetime, number: str = "") -> PhoneReplies:
    """Confirm or refuse the login that this phone has scanned, and return the account's replies.

    To confirm, the member sends the number that the sign-in page shows; without one given, the one at the end of
    the code's scene, as somebody who looks at the page would.

    The member presses a `weixin://bizmsgmenu` link: the account receives a text with the link's id,
    which is the scene. A link may be pressed again, and late; what that means is the site's business.
    Raises NothingToConfirm.
    """
    scan = Scan.objects.filter(ticket__url=content, openid=openid).select_related("ticket").order_by("-id").first()
    if scan is None:
        raise NothingToConfirm
    is_yes = answer == LoginAnswer.CONFIRM
    words = (number or _number_on_the_page(scan.ticket.scene)) if is_yes else _WORDS[LoginAnswer(answer)]
    Scan.objects.filter(pk=scan.pk).update(answer=answer)
    _say(openid, Direction.SENT, words, now=now)
    return _tell(openid, {**_text(words, openid=openid, now=now), "bizmsgmenuid": scan.ticket.scene}, now=now)


def pay(*, openid: str, content: str, outcome: str, notify: str, now: datetime, times: int | None = None) -> str:
    """End a payment: `outcome` success, fail or cancel; returns the order's state, SUCCESS or NOTPAY.

    `notify` is one of notifications.WAYS, `times` how often where a way may come more than once.
    Raises UnknownCode, CodeExpired, ScannedByAnother, PaymentSettled.
    """
    with transaction.atomic():
        if outcome == "success":
            payment = payments.take_money(content=content, openid=openid, now=now)
            _say(openid, Direction.SERVICE, _receipt(payment), now=now)
        else:
            payment = payments.scanned_order(content=content, openid=openid, now=now)
        notification_id = notifications.prepare(payment=payment, way=notify, now=now)
    if notification_id is not None:
        notifications.send(notification_id=notification_id, times=notifications.times_of(notify, times), now=now)
    return payment.state


def _number_on_the_page(scene: str) -> str:
    number = scene.rpartition("_")[2]
    return number if number.isdigit() else _WORDS[LoginAnswer.CONFIRM]


def _scan_login(ticket: Ticket, *, openid: str, now: datetime) -> ScannedLogin:
    scan = Scan.objects.create(ticket=ticket, openid=openid, created_at=now)
    _say(openid, Direction.NOTICE, _("You scanned a login code."), now=now)
    if _follower(openid, now=now).is_following:
        event = _event("SCAN", openid=openid, key=ticket.scene, now=now)
    else:
        _set_following(openid, is_following=True, now=now)
        event = _event("subscribe", openid=openid, key=f"qrscene_{ticket.scene}", now=now)
    told = _tell(openid, {**event, "Ticket": ticket.ticket}, scan=scan, now=now)
    return ScannedLogin(
        account=settings.WECHAT_OA["ORIGINAL_ID"],
        content=ticket.url,
        replies=told.replies,
        fault=told.fault,
        callbacks=told.callbacks,
    )


def _tell(openid: str, fields: dict[str, str | int], *, now: datetime, scan: Scan | None = None) -> PhoneReplies:
    """Send one message or event to the site and put the reply on the phone, as a card if it answers a scan."""
    fault = faults.take(area=Area.CALLBACK)
    callbacks = gateways.call_back(fields, openid=openid, fault=fault, now=now)
    # Two deliveries at once may both be answered: the member reads one bubble unless they differ.
    counted = callbacks if fault == "dup" else callbacks[-1:]
    replies = list(dict.fromkeys(each.reply for each in counted if each.reply is not None))
    trouble = next((each.trouble for each in counted if each.trouble), "")
    if trouble:
        logger.warning("The site's reply is not valid: %s", trouble)
    if fields.get("Event") == "unsubscribe":
        replies = []
    elif trouble and not replies:
        _say(openid, Direction.NOTICE, OUT_OF_SERVICE, now=now)
        return PhoneReplies(replies=[OUT_OF_SERVICE], fault=fault, callbacks=callbacks)
    for reply in replies:
        _say(openid, Direction.REPLY, reply, now=now, scan=scan)
    return PhoneReplies(replies=replies, fault=fault, callbacks=callbacks)


def _event(event: str, *, openid: str, key: str, now: datetime) -> dict[str, str | int]:
    return {**_head(openid, now=now), "MsgType": "event", "Event": event, "EventKey": key}


def _text(content: str, *, openid: str, now: datetime) -> dict[str, str | int]:
    # MsgId is a 64-bit number; the site tells a repeated message by it.
    return {
        **_head(openid, now=now),
        "MsgType": "text",
        "Content": content,
        "MsgId": secrets.randbelow(2**62),
    }


def _head(openid: str, *, now: datetime) -> dict[str, str | int]:
    return {
        "ToUserName": settings.WECHAT_OA["ORIGINAL_ID"],
        "FromUserName": openid,
        "CreateTime": int(now.timestamp()),
    }


def _receipt(payment: Payment) -> str:
    yuan = f"{payment.amount_fen // 100}.{payment.amount_fen % 100:02d}"
    return _("WeChat Pay: you paid ¥%(yuan)s for %(title)s") % {"yuan": yuan, "title": payment.description}


def _say(openid: str, direction: Direction, text: str, *, now: datetime, scan: Scan | None = None) -> None:
    PhoneMessage.objects.create(openid=openid, direction=direction, text=text, scan=scan, created_at=now)


def _follower(openid: str, *, now: datetime) -> Follower:
    defaults = {"nickname": openid[-6:], "created_at": now}
    return Follower.objects.get_or_create(openid=openid, defaults=defaults)[0]


def _set_following(openid: str, *, is_following: bool, now: datetime) -> None:
    _follower(openid, now=now)
    Follower.objects.filter(openid=openid).update(is_following=is_following, followed_at=now if is_following else None)


def _phone(follower: Follower) -> Phone:
    return Phone(openid=follower.openid, nickname=follower.nickname, is_following=follower.is_following)


def _line(message: PhoneMessage, *, now: datetime) -> Line:
    return Line(
        id=str(message.pk),
        direction=message.direction,
        text=message.text,
        created_at=message.created_at,
        login=None if message.scan is None else _login_card(message.scan, now=now),
    )


def _login_card(scan: Scan, *, now: datetime) -> LoginCard:
    unanswered = "expired" if scan.ticket.expires_at <= now else "open"
    return LoginCard(content=scan.ticket.url, state=scan.answer or unanswered)
