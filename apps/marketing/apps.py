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
        from apps.kernel import approvals, configuration, switches
        from apps.marketing.campaigns.registries import START_CHECKS
        from apps.marketing.earning import behaviours
        from apps.marketing.earning.registries import BEHAVIOURS
        from apps.marketing.exchange.registries import ITEMS
        from apps.marketing.odds.services import check_stocks
        from apps.marketing.prizes.registries import PRIZES
        from apps.marketing.prizes.services import kinds

        for prize in (kinds.Quota(), kinds.Points(), kinds.Nothing()):
            PRIZES.register(prize)
        for item in (kinds.Chances(), kinds.Quota()):
            ITEMS.register(item)
        for behaviour in (behaviours.SigningIn(), behaviours.Paying(), behaviours.Registering()):
            BEHAVIOURS.register(behaviour)
        START_CHECKS.append(check_stocks)

        # They declare what the kinds above move.
        from apps.marketing import handlers, invariants, services  # noqa: F401  # register themselves
        from apps.marketing.models import Activity, ExchangeItem, PrizeStock, RebateRule, Stage

        for model in (Activity, Stage, RebateRule, ExchangeItem):
            configuration.declare(model)
        configuration.declare(Activity, actions=("marketing.set_activity_state",), unsaid={"state": "draft"})
        configuration.declare(
            PrizeStock,
            actions=("marketing.save_prizestock", "marketing.correct_stock"),
            nouns=("prizestock", "prize_stock"),
        )
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
        approvals.register(
            approvals.Action(
                name="marketing.adjust",
                title=_("Adjustment"),
                permission="marketing.approve_adjustment",
                limits=(
                    approvals.Limit("APPROVAL_QUOTA_MILLI", _("Giving or taking quota (thousandths of a credit)")),
                    approvals.Limit("APPROVAL_POINTS", _("Giving or taking points")),
                    approvals.Limit("APPROVAL_CHANCES", _("Giving or taking draw chances")),
                ),
                describe=services.describe_adjustment,
                carry_out=services.carry_out_adjustment,
            )
        )
        accounts.register_closing_check(services.check_no_prize_on_its_way)
