"""A generation may answer a request of its own; where a message shows it, it answers the branch above, as before."""

import django.db.models.deletion
from django.db import migrations, models

from apps.kernel.append_only import keeping_triggers

UNSETTLED = ("queued", "running")


class Migration(migrations.Migration):
    dependencies = [("chat", "0010_generations_own_their_answer")]

    operations = keeping_triggers(
        migrations.AddField("generation", "request", models.JSONField(blank=True, null=True)),
        migrations.AlterField(
            "generation",
            "message",
            models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="generation",
                to="chat.message",
            ),
        ),
        migrations.AddConstraint(
            "generation",
            models.CheckConstraint(
                condition=models.Q(("message__isnull", False), ("request__isnull", True))
                | models.Q(("message", None), ("request__isnull", False))
                | models.Q(("message", None), models.Q(("state__in", UNSETTLED), _negated=True)),
                name="chat_generation_asks_a_branch_or_a_request",
            ),
        ),
    )
