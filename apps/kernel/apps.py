"""The shared kernel."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class KernelConfig(AppConfig):
    """Registers the system checks, the kernel's own invariants and its metrics."""

    name = "apps.kernel"
    label = "kernel"
    verbose_name = _("System")

    def ready(self) -> None:
        """Wire what must exist in every process."""
        from apps.kernel import checks, configuration, metrics, own_invariants, trails  # noqa: F401  # two register themselves
        from apps.kernel.models import Switch

        configuration.declare(Switch, actions=("kernel.flip_switch",), unsaid={"is_on": True})
        checks.register()
        metrics.register()
