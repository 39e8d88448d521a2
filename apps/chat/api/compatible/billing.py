"""What is left and what was spent: in the shapes by which clients of other gateways show a balance, and in our own.

What they call "usd" are credits, one for one: nobody here knows what a credit is worth in dollars.
"""

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from apps.accounts import services as accounts
from apps.chat import services
from apps.chat.api.compatible.endpoints import endpoint, identified
from apps.chat.rules.days import read_days
from apps.kernel import clock


@endpoint("GET", "HEAD")
def subscription(request: HttpRequest) -> HttpResponseBase:
    """What may be spent with this key in all: what it has spent, and what is left of its cap and the quota."""
    key = identified(request)
    detail = accounts.detail_of_key(key=key)
    quota = services.quota_of(user_id=key.user_id, now=clock.now())
    left = quota.balance_milli - quota.held_milli
    if detail.spend_cap_milli is not None:
        left = min(left, detail.spend_cap_milli - detail.spent_milli)
    limit = _credits(detail.spent_milli + left)
    return JsonResponse(
        {
            "object": "billing_subscription",
            "has_payment_method": True,
            "soft_limit_usd": limit,
            "hard_limit_usd": limit,
            "system_hard_limit_usd": limit,
            # 0 is never.
            "access_until": int(detail.expires_at.timestamp()) if detail.expires_at is not None else 0,
        }
    )


@endpoint("GET", "HEAD")
def billed(request: HttpRequest) -> HttpResponseBase:
    """What was spent with this key, in hundredths: in its whole life, or between two days. Raises ParameterNotValid."""
    key, now = identified(request), clock.now()
    if request.GET.get("start_date") or request.GET.get("end_date"):
        first, last = read_days(request.GET, today=services.local_day(now))
        spent = services.charged_with_key(user_id=key.user_id, key_id=key.key_id, first=first, last=last)
    else:
        spent = accounts.detail_of_key(key=key).spent_milli
    return JsonResponse({"object": "list", "total_usage": spent / 10})


@endpoint("GET", "HEAD")
def usage(request: HttpRequest) -> HttpResponseBase:
    """The member's balance, the key's cap, and what its answers took by day and model. Raises ParameterNotValid."""
    key, now = identified(request), clock.now()
    first, last = read_days(request.GET, today=services.local_day(now))
    detail = accounts.detail_of_key(key=key)
    quota = services.quota_of(user_id=key.user_id, now=now)
    lines = services.used_with_key(user_id=key.user_id, key_id=key.key_id, first=first, last=last)
    sums = ("answers", "input_tokens", "output_tokens", "charged_milli")
    total = {name: sum(getattr(line, name) for line in lines) for name in sums}
    return JsonResponse(
        {
            "object": "usage",
            "unit": "credit",
            **_amounts(balance=quota.balance_milli, held=quota.held_milli),
            "free_answers_left": quota.free_left,
            "free_answers_per_day": quota.free_per_day,
            "key": {
                "name": detail.name,
                "expires_at": detail.expires_at,
                **_amounts(spend_cap=detail.spend_cap_milli, spent=detail.spent_milli),
            },
            "start_date": first,
            "end_date": last,
            "total": total | _amounts(charged=total["charged_milli"]),
            "data": [asdict(line) | _amounts(charged=line.charged_milli) for line in lines],
        }
    )


def _amounts(**milli: int | None) -> dict[str, Any]:
    """Each amount twice: in credits, and as exact as it is kept, in thousandths."""
    said: dict[str, Any] = {}
    for name, amount in milli.items():
        said |= {name: None if amount is None else _credits(amount), f"{name}_milli": amount}
    return said


def _credits(milli: int) -> float:
    return milli / 1000
