"""A request may say what else its answer shall be like."""

from django.db import migrations, models

from apps.kernel.append_only import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("chat", "0027_catalogue")]

    operations = keeping_triggers(
        migrations.AddField("generation", "options", models.JSONField(blank=True, null=True)),
        migrations.AddConstraint(
            "generation",
            models.CheckConstraint(
                condition=models.Q(("options__isnull", True), ("request__isnull", False), _connector="OR"),
                name="chat_generation_options_of_a_request",
            ),
        ),
    )
