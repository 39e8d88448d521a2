"""Celery entry points of chat."""

from celery import shared_task

from apps.chat import services
from apps.kernel import clock


@shared_task
def settle_abandoned(**_newer_arguments: object) -> None:
    """Settle generations whose engine is gone."""
    services.settle_abandoned(now=clock.now())


@shared_task
def purge_pictures(**_newer_arguments: object) -> None:
    """Erase the pictures that nobody needs any more, and delete the files of those that are erased."""
    services.purge_pictures(now=clock.now())


@shared_task
def purge_picture_files(**_newer_arguments: object) -> None:
    """Delete files of pictures that have no row."""
    services.purge_picture_files(now=clock.now())


@shared_task
def forget_vectors(**_newer_arguments: object) -> None:
    """Remove embeddings for which nobody has come."""
    services.forget_vectors(now=clock.now())
