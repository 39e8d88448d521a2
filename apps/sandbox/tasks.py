"""Celery entry points of the sandbox."""

from celery import shared_task

from apps.kernel import clock
from apps.sandbox.services import notifications


@shared_task
def send_due_notifications(**_newer_arguments: object) -> None:
    """Try the payment notifications whose next try is due."""
    notifications.send_due(now=clock.now())
