"""The shop: products, orders, payments."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    """The orders app."""

    name = "apps.orders"
    label = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        """Register the invariants and the switch; importing models before this would be too early."""
        from apps.accounts import services as accounts  # noqa: PLC0415
        from apps.kernel import switches  # noqa: PLC0415
        from apps.orders import invariants, services  # noqa: F401, PLC0415  # invariants registers itself

        switches.declare("orders.enabled", _("New orders. Orders already made are still paid, checked and delivered."))
        accounts.register_export("orders", services.export_orders)
        accounts.register_export("payments", services.export_payments)
        accounts.register_closing_check(services.check_no_order_under_way)
