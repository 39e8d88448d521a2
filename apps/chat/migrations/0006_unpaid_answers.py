"""Answers that cost us something and nobody pays for are counted per person and day, within a limit."""

from django.db import migrations, models

from apps.kernel.append_only import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("chat", "0005_lists_have_indexes")]

    operations = keeping_triggers(
        migrations.AddField(
            model_name="chatpolicy",
            name="max_unpaid_per_day",
            field=models.PositiveSmallIntegerField(db_default=30, verbose_name="answers per day at our cost"),
        ),
        migrations.AddConstraint(
            model_name="chatpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(("max_unpaid_per_day__gt", 0)), name="chat_chatpolicy_some_may_fail"
            ),
        ),
        migrations.AddField(
            model_name="freeuse",
            name="unpaid",
            field=models.PositiveIntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name="generation",
            name="unpaid_day",
            field=models.DateField(blank=True, null=True, verbose_name="at our cost on"),
        ),
    )
