"""What is on sale."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.chat import services as chat
from apps.chat.errors import ModelNotFound
from apps.kernel import audit, configuration
from apps.orders import rules, selectors
from apps.orders.contracts import ProductOffer
from apps.orders.errors import ProductModelUnknown
from apps.orders.models import Product


@dataclass(frozen=True)
class _Wanted:
    title: str
    amount_fen: int
    quota_milli: int
    entitlements: Sequence[str]


def save_product(
    *,
    code: str,
    title: str,
    amount_fen: int,
    quota_milli: int,
    now: datetime,
    subtitle: str = "",
    badge: str = "",
    entitlements: Sequence[str] = (),
    is_on_sale: bool = True,
    sort: int = 0,
    actor: str = audit.SYSTEM,
    reason: str = "configuration",
) -> ProductOffer:
    """Create or change the product with this code; saving the same again changes nothing and records nothing.

    The audit trail of a product is its price history. Orders that exist keep their snapshot.

    Raises ReasonMissing, and what `check_sellable` raises.
    """
    check_sellable(title=title, amount_fen=amount_fen, quota_milli=quota_milli, entitlements=entitlements)
    wanted: dict[str, Any] = {
        "title": title,
        "subtitle": subtitle,
        "badge": badge,
        "amount_fen": amount_fen,
        "quota_milli": quota_milli,
        "entitlements": list(entitlements),
        "is_on_sale": is_on_sale,
        "sort": sort,
    }
    product = configuration.save(Product, key={"code": code}, values=wanted, actor=actor, reason=reason, now=now)
    return selectors.offer(product)


def check_sellable(*, title: str, amount_fen: int, quota_milli: int, entitlements: Sequence[str]) -> None:
    """Refuse what could not be paid for, or not be given once it is paid (I-33).

    Raises ProductEmpty, ProductAmountNotPayable, ProductQuotaNotDeliverable, ProductTitleTooLong, ProductModelUnknown.
    """
    rules.check_title(title)
    rules.check_sellable(_Wanted(title, amount_fen, quota_milli, entitlements))
    try:
        chat.check_models(model_ids=entitlements)
    except ModelNotFound as missing:
        raise ProductModelUnknown(model=missing.context["model"]) from None
