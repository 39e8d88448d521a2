"""What is asked of an activity before it starts, by rooms above: apps.py registers it."""

from typing import Protocol

from apps.marketing.campaigns.contracts import ActivityDetail


class StartCheck(Protocol):
    """Raises the refusal that keeps an activity from leaving its draft."""

    def __call__(self, *, activity: ActivityDetail) -> None: ...


START_CHECKS: list[StartCheck] = []
