"""Marketing: activities, odds, draws, prizes, points, exchange, rebates, sign-in."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MarketingConfig(AppConfig):
    """Registers what reacts to events, what is audited, and what operators can switch off."""

    name = "apps.marketing"
    label = "marketing"
    verbose_name = _("Marketing")

    def ready(self) -> None:
        """Import what registers itself."""
        from apps.accounts import services as accounts
        from apps.kernel import switches
        from apps.marketing import handlers, invariants, services  # noqa: F401  # the first two register themselves

        switches.declare("marketing.draws", _("New draws; balances, sign-in, exchange and deliveries go on."))
        for name, export in (
            ("points_entries", services.export_points_entries),
            ("chance_entries", services.export_chance_entries),
            ("draws", services.export_draws),
            ("sign_ins", services.export_sign_ins),
            ("exchanges", services.export_exchanges),
            ("rebates", services.export_rebates),
        ):
            accounts.register_export(name, export)
        accounts.register_closing_check(services.check_no_prize_on_its_way)
