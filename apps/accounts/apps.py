"""People: sign-in over WeChat, sessions, profile, status."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Registers what is checked and audited."""

    name = "apps.accounts"
    label = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        """Import what registers itself."""
        from apps.accounts import checks, invariants, movements  # noqa: F401  # these register themselves
        from apps.accounts.models import ReplyText
        from apps.accounts.services import second_factor, sessions
        from apps.kernel import configuration, lost_keys

        configuration.declare(ReplyText, actions=("accounts.change_reply_text",), nouns=("reply_text",), named_by="key")
        lost_keys.on_loss("session", sessions.end_lost_sessions)
        lost_keys.on_loss("second_factor", second_factor.remove_lost_second_factors)
        checks.register()
