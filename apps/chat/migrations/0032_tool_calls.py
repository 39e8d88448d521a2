"""An answer may call tools."""

from django.db import migrations, models

from apps.kernel.append_only import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("chat", "0031_reports_in_order")]

    operations = keeping_triggers(
        migrations.AddField("generation", "tool_calls", models.JSONField(blank=True, null=True)),
        migrations.AddConstraint(
            "generation",
            models.CheckConstraint(
                condition=models.Q(
                    ("tool_calls__isnull", True),
                    models.Q(("is_delivered", True), ("message", None)),
                    _connector="OR",
                ),
                name="chat_generation_calls_are_delivered",
            ),
        ),
    )
