"""The sandbox: local stand-ins for WeChat, WeChat Pay and a model server. Installed only in the embedded set-up."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SandboxConfig(AppConfig):
    """Registers the sandbox; it listens to no event and owns no invariant of the product."""

    name = "apps.sandbox"
    label = "sandbox"
    verbose_name = _("Sandbox")
