"""The door of orders: commands for members, operators, providers and the beat."""

from apps.orders.errors import (
    GatewayUnavailable,
    GatewayUnknown,
    IllegalTransition,
    NoticeRejected,
    OrderNotCancellable,
    OrderNotFound,
    OrderUnderWay,
    PriceChanged,
    ProductModelUnknown,
    ProductNotFound,
    ProductNotOnSale,
    ProductQuotaNotDeliverable,
    ShopClosed,
)
from apps.orders.services._checks import cancel_order, check_order, recheck_order
from apps.orders.services._deliveries import redeliver_order
from apps.orders.services._notices import receive_notice
from apps.orders.services._own_data import check_no_order_under_way, export_orders, export_payments
from apps.orders.services._placing import place_order
from apps.orders.services._products import check_deliverable, save_product
from apps.orders.services._sweeps import check_unpaid_orders, close_expired_orders, deliver_paid_orders

__all__ = [
    "GatewayUnavailable",
    "GatewayUnknown",
    "IllegalTransition",
    "NoticeRejected",
    "OrderNotCancellable",
    "OrderNotFound",
    "OrderUnderWay",
    "PriceChanged",
    "ProductModelUnknown",
    "ProductNotFound",
    "ProductNotOnSale",
    "ProductQuotaNotDeliverable",
    "ShopClosed",
    "cancel_order",
    "check_deliverable",
    "check_no_order_under_way",
    "check_order",
    "check_unpaid_orders",
    "close_expired_orders",
    "deliver_paid_orders",
    "export_orders",
    "export_payments",
    "place_order",
    "receive_notice",
    "recheck_order",
    "redeliver_order",
    "save_product",
]
