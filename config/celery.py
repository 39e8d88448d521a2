"""The Celery application. Schedules are in config/beat.py, tasks in each app's tasks.py."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.embedded")

app = Celery("chatloop")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
