"""Seats and tallies belong to the person; draws and sign-ins say whose account it was, filled in by the next migration.

An account from before persons has its person's id, so the columns of seats and tallies are only renamed.
"""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.kernel.append_only import keeping_triggers


def person(**options: Any) -> "models.UUIDField[Any, Any]":
    """The column as the models have it."""
    return models.UUIDField(editable=False, verbose_name="person", **options)


def renamed(model_name: str) -> list[Any]:
    """Operations that turn the account's key into the person's id without touching a row."""
    return [
        migrations.AlterField(
            model_name=model_name,
            name="user",
            field=models.ForeignKey(
                db_column="person_id",
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveField(model_name=model_name, name="user"),
                migrations.AddField(
                    model_name=model_name, name="person_id", field=person(), preserve_default=False
                ),
            ],
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("marketing", "0003_rows_are_not_replaced"), ("accounts", "0007_persons_required")]

    operations = keeping_triggers(
        migrations.RemoveConstraint(model_name="participation", name="marketing_participation_once"),
        *renamed("participation"),
        migrations.AddConstraint(
            model_name="participation",
            constraint=models.UniqueConstraint(fields=("person_id", "activity"), name="marketing_participation_once"),
        ),
        migrations.RemoveConstraint(model_name="exchangetally", name="marketing_exchangetally_once"),
        *renamed("exchangetally"),
        migrations.AddConstraint(
            model_name="exchangetally",
            constraint=models.UniqueConstraint(fields=("person_id", "item"), name="marketing_exchangetally_once"),
        ),
        migrations.AddField(model_name="draw", name="person_id", field=person(null=True)),
        migrations.AddField(model_name="signin", name="person_id", field=person(null=True)),
    )
