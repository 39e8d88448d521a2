"""Free uses belong to the person. An account from before persons has its person's id, so the column is only renamed."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.kernel.append_only import keeping_triggers


class Migration(migrations.Migration):

    dependencies = [
        ("chat", "0003_channel_proxy"),
        ("accounts", "0007_persons_required"),
    ]

    operations = keeping_triggers(
        migrations.RemoveConstraint(model_name="freeuse", name="chat_freeuse_once_per_day"),
        migrations.AlterField(
            model_name="freeuse",
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
                migrations.RemoveField(model_name="freeuse", name="user"),
                migrations.AddField(
                    model_name="freeuse",
                    name="person_id",
                    field=models.UUIDField(editable=False),
                    preserve_default=False,
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="freeuse",
            constraint=models.UniqueConstraint(fields=("person_id", "day"), name="chat_freeuse_once_per_day"),
        ),
    )
