"""What WeChat Pay accepts in an order, and when it sends a notification again."""

import hashlib
import ipaddress
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

# Seconds between the sixteen tries of the real platform; here they pass a hundred times faster.
_RETRIES = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
_TIMES_FASTER = 100
# How late a delayed notification comes; notifications.WAYS says it to people.
NOTICE_DELAY = timedelta(seconds=5)
# How often a duplicated notification comes, where the phone does not say.
DUPLICATE_TIMES = 2

_LARGEST_FEN = 2**31 - 1
CODE_LIFE = timedelta(hours=2)
UNPAID_LIFE = timedelta(days=7)
CLOCK_SKEW_SECONDS = 300

_OUT_TRADE_NO = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
_FIELDS = {
    "appid", "mchid", "description", "out_trade_no", "time_expire", "attach", "notify_url", "goods_tag",
    "support_fapiao", "amount", "detail", "scene_info", "settle_info",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Prepay:
    """One order as a merchant placed it. `fingerprint` is equal for repeats with equal parameters."""

    out_trade_no: str
    description: str
    amount_fen: int
    attach: str
    notify_url: str
    expires_at: datetime
    fingerprint: str


class NotAcceptable(Exception):
    """A parameter that WeChat Pay refuses; the text names it."""


def read_prepay(body: dict[str, Any], *, app_id: str, mch_id: str, now: datetime) -> Prepay:
    """Check an order's parameters; raises NotAcceptable."""
    if body.keys() - _FIELDS:
        raise NotAcceptable("unknown parameter")
    if body.get("appid") != app_id:
        raise NotAcceptable("appid")
    if body.get("mchid") != mch_id:
        raise NotAcceptable("mchid")
    if "goods_tag" in body:
        _text(body, "goods_tag", longest=32)
    out_trade_no = _text(body, "out_trade_no", longest=32)
    if not _OUT_TRADE_NO.fullmatch(out_trade_no):
        raise NotAcceptable("out_trade_no")
    return Prepay(
        out_trade_no=out_trade_no,
        description=_text(body, "description", longest=127),
        amount_fen=_total_fen(body.get("amount")),
        attach=_text(body, "attach", longest=128) if "attach" in body else "",
        notify_url=_notify_url(_text(body, "notify_url", longest=255)),
        expires_at=_expiry(body.get("time_expire"), now=now),
        fingerprint=hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest(),
    )


def retry_delay(failed_tries: int) -> timedelta | None:
    """How long after this many failed tries the next one follows; None after the last."""
    if failed_tries > len(_RETRIES):
        return None
    return timedelta(seconds=_RETRIES[failed_tries - 1]) / _TIMES_FASTER


def _text(body: dict[str, Any], name: str, *, longest: int) -> str:
    """A text of at most `longest` bytes: the platform counts no characters."""
    value = body.get(name)
    try:
        length = len(value.encode()) if isinstance(value, str) else 0
    except UnicodeEncodeError:  # JSON can write half a character
        length = 0
    if not 1 <= length <= longest or not isinstance(value, str):
        raise NotAcceptable(name)
    return value


def _total_fen(amount: Any) -> int:
    if not isinstance(amount, dict) or amount.get("currency", "CNY") != "CNY":
        raise NotAcceptable("amount")
    total = amount.get("total")
    if not isinstance(total, int) or isinstance(total, bool) or not 1 <= total <= _LARGEST_FEN:
        raise NotAcceptable("amount.total")
    return total


def _notify_url(url: str) -> str:
    parts = urlsplit(url)
    # The real platform wants https; a site on this very machine has no certificate.
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    if not is_safe or not parts.hostname or parts.query:
        raise NotAcceptable("notify_url")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _expiry(text: Any, *, now: datetime) -> datetime:
    if text is None:
        return now + UNPAID_LIFE
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise NotAcceptable("time_expire") from None
    if moment.tzinfo is None or moment <= now:
        raise NotAcceptable("time_expire")
    return moment
