"""The door of orders: commands for members, operators, providers and the beat."""

from apps.kernel.errors import OfferChanged
from apps.orders.errors import (
    GatewayUnavailable,
    GatewayUnknown,
    IllegalTransition,
    NoticeRejected,
    OrderNotCancellable,
    OrderNotFound,
    OrderUnderWay,
    PriceChanged,
    ProductAmountNotPayable,
    ProductEmpty,
    ProductModelUnknown,
    ProductNotFound,
    ProductNotOnSale,
    ProductQuotaNotDeliverable,
    ProductTitleTooLong,
    ShopClosed,
)
from apps.orders.services.cancelling import cancel_order
from apps.orders.services.deliveries import redeliver_order
from apps.orders.services.notifications import receive_notice
from apps.orders.services.own_data import check_no_order_under_way, export_orders, export_payments, forget_payer
from apps.orders.services.payment_checks import check_order, recheck_order
from apps.orders.services.placing import place_order
from apps.orders.services.products import check_sellable, save_product
from apps.orders.services.sweeps import check_unpaid_orders, close_expired_orders, deliver_paid_orders

__all__ = [
    "GatewayUnavailable",
    "GatewayUnknown",
    "IllegalTransition",
    "NoticeRejected",
    "OfferChanged",
    "OrderNotCancellable",
    "OrderNotFound",
    "OrderUnderWay",
    "PriceChanged",
    "ProductAmountNotPayable",
    "ProductEmpty",
    "ProductModelUnknown",
    "ProductNotFound",
    "ProductNotOnSale",
    "ProductQuotaNotDeliverable",
    "ProductTitleTooLong",
    "ShopClosed",
    "cancel_order",
    "check_no_order_under_way",
    "check_order",
    "check_sellable",
    "check_unpaid_orders",
    "close_expired_orders",
    "deliver_paid_orders",
    "export_orders",
    "export_payments",
    "forget_payer",
    "place_order",
    "receive_notice",
    "recheck_order",
    "redeliver_order",
    "save_product",
]
