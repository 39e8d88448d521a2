"""The schedule has what the documents promise of it."""

from celery.schedules import crontab
from django.conf import settings

from apps.kernel import tasks
from config.scheduler import app


def test_the_audit_looks_at_what_is_new_each_minute() -> None:
    entry = app.conf.beat_schedule["audit-recent"]

    assert (entry["task"], entry["schedule"]) == (tasks.audit_recent.name, 60.0)


def test_the_audit_looks_at_everything_once_a_night() -> None:
    entry = app.conf.beat_schedule["audit-everything"]

    assert entry["task"] == tasks.audit_everything.name
    assert entry["schedule"] == crontab(hour="4", minute="17")
    assert str(app.conf.timezone) == settings.TIME_ZONE


def test_the_head_of_the_trail_is_told_once_a_day_and_the_chain_swept_each_minute() -> None:
    told, swept = app.conf.beat_schedule["audit-head"], app.conf.beat_schedule["audit-chain"]

    assert (told["task"], told["schedule"]) == (tasks.tell_audit_head.name, crontab(hour="4", minute="7"))
    assert (swept["task"], swept["schedule"]) == (tasks.sweep_audit_chain.name, 60.0)
