"""The integer double-entry ledger. It knows accounts, assets and reasons, and no business word."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate  # noqa: TID251  # says that the tables may have been emptied
from django.utils.translation import gettext_lazy as _


class LedgerConfig(AppConfig):
    """Registers the audit checks, and forgets what it remembers when the database is flushed."""

    name = "apps.ledger"
    label = "ledger"
    verbose_name = _("Ledger")

    def ready(self) -> None:
        """Wire what must exist in every process."""
        from apps.ledger import invariants  # noqa: F401  # registers its checks

        post_migrate.connect(_forget, sender=self, dispatch_uid="ledger.forget_system_accounts")


def _forget(**_signal: object) -> None:
    from apps.ledger.engine import balances

    balances.forget_system_accounts()
