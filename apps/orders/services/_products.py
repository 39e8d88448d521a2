"""What is on sale."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.chat import services as chat
from apps.chat.errors import ModelNotFound
from apps.kernel import audit
from apps.orders import rules, selectors
from apps.orders.contracts import ProductOffer
from apps.orders.errors import ProductModelUnknown
from apps.orders.models import Product


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

    Raises ProductQuotaNotDeliverable, ProductModelUnknown.
    """
    check_deliverable(quota_milli=quota_milli, entitlements=entitlements)
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
    with transaction.atomic():
        product = Product.objects.select_for_update(of=("self",), no_key=True).filter(code=code).first()
        before = {name: getattr(product, name) for name in wanted} if product else None
        if product is None:
            product = Product.objects.create(code=code, created_at=now, **wanted)
        elif before != wanted:
            Product.objects.filter(pk=product.pk).update(**wanted)
            product.refresh_from_db()
        if before != wanted:
            audit.record(
                actor=actor,
                action="orders.save_product",
                target=("product", str(product.pk)),
                reason=reason,
                before=before,
                after=wanted,
                now=now,
            )
    return selectors.offer(product)


def check_deliverable(*, quota_milli: int, entitlements: Sequence[str]) -> None:
    """Refuse what an order could not be given once it is paid (I-33).

    Raises ProductQuotaNotDeliverable, ProductModelUnknown.
    """
    rules.check_quota(quota_milli)
    try:
        chat.check_models(model_ids=entitlements)
    except ModelNotFound as missing:
        raise ProductModelUnknown(model=missing.context["model"]) from None
