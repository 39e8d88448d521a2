"""Celery entry points of chat."""

from celery import shared_task

from apps.chat import services
from apps.kernel import clock


@shared_task
def settle_abandoned(**_newer_arguments: object) -> None:
    """Settle generations whose engine is gone."""
    services.settle_abandoned(now=clock.now())
