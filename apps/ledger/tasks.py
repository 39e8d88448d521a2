"""The beat's entry point into the ledger; it does the same as the service of its name."""

from time import monotonic

from celery import shared_task

from apps.kernel import clock
from apps.ledger import services

_BATCH = 500
# Less than between two runs of the beat, so that they never meet.
_LONGEST_SECONDS = 45.0


@shared_task
def expire_lots(**_newer_arguments: object) -> None:
    """Take from lots that have ended what no hold needs: of a whole campaign, many end at once."""
    until = monotonic() + _LONGEST_SECONDS
    while services.expire_lots(now=clock.now(), limit=_BATCH) == _BATCH and monotonic() < until:
        pass
