"""Celery's application must exist before any task is defined."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
