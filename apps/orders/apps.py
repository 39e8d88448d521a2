"""The shop: products, orders, payments."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    """The orders app."""

    name = "apps.orders"
    label = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        """Register the checks, the invariants and the switch; importing models before this would be too early."""
        from apps.accounts import services as accounts
        from apps.kernel import configuration, switches

        # Of these, invariants and movements register themselves.
        from apps.orders import checks, invariants, movements, services  # noqa: F401
        from apps.orders.models import Product

        checks.register()
        configuration.declare(Product)
        switches.declare("orders.enabled", _("New orders. Orders already made are still paid, checked and delivered."))
        accounts.register_export("orders", services.export_orders)
        accounts.register_export("payments", services.export_payments)
        accounts.register_closing_check(services.check_no_order_under_way)
        accounts.register_closing_step(services.forget_payer)
