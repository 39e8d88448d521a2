"""Celery's application must exist before any task is defined."""

from config import logs
from config.celery import app as celery_app

logs.install()

__all__ = ["celery_app"]
