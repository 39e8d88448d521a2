"""The Celery application. Schedules are in config/beat.py, tasks in each app's tasks.py."""

import os

from celery import Celery
from django.conf import settings

from config import env

env.choose_settings()
# Django's checks, which Celery would run as a worker starts, import every page: a quarter of its memory, for what
# `manage.py check` looks at.
os.environ.setdefault("CELERY_SKIP_CHECKS", "yes")


class Application(Celery):
    """Celery, but with settings that cannot be read it ends as every other process does."""

    def on_configure(self) -> None:  # type: ignore[override]  # a signal or a method; the stubs know the signal
        """Celery calls this before it asks for the first setting."""
        with env.starting(exit_code=env.CANNOT_START):
            str(settings.SECRET_KEY)  # the first look reads them all


app = Application("chatloop")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
