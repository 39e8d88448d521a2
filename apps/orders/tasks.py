"""The beat's entry points into orders; each does the same as the service of its name."""

from celery import shared_task

from apps.kernel import clock
from apps.orders import services


@shared_task
def check_unpaid_orders(**_newer_arguments: object) -> None:
    """Ask the providers about unpaid orders that are due."""
    services.check_unpaid_orders(now=clock.now())


@shared_task
def close_expired_orders(**_newer_arguments: object) -> None:
    """Close unpaid orders whose time is up."""
    services.close_expired_orders(now=clock.now())


@shared_task
def deliver_paid_orders(**_newer_arguments: object) -> None:
    """Deliver what was paid and is still owed."""
    services.deliver_paid_orders(now=clock.now())
