"""People: sign-in over WeChat, sessions, profile, status."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """The accounts app."""

    name = "apps.accounts"
    label = "accounts"
    verbose_name = _("Accounts")
