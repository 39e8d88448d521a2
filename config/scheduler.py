"""Celery's application for beat alone: it sends names on a schedule, so it loads no app and stays small."""

from config.celery import Application

# The schedule is CELERY_BEAT_SCHEDULE of the settings: it differs where the sandbox is installed.
app = Application("chatloop-beat", fixups=[])
app.config_from_object("django.conf:settings", namespace="CELERY")
