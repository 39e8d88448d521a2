"""The shared kernel."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class KernelConfig(AppConfig):
    """Registers the system checks."""

    name = "apps.kernel"
    label = "kernel"
    verbose_name = _("System")

    def ready(self) -> None:
        """Wire what must exist in every process."""
        from apps.kernel import checks  # noqa: PLC0415  # models must be loaded first

        checks.register()
