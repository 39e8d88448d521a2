"""How likely the tokens of an answer were, and which parameter its provider would not take."""

from django.db import migrations, models

from apps.kernel.append_only import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("chat", "0037_own_keys")]

    operations = keeping_triggers(
        migrations.AddField(
            "generation",
            "error_param",
            models.CharField(blank=True, default="", max_length=40, verbose_name="refused parameter"),
        ),
        migrations.AddField("generation", "logprobs", models.JSONField(blank=True, null=True)),
        migrations.AddConstraint(
            "generation",
            models.CheckConstraint(
                condition=models.Q(
                    ("logprobs__isnull", True),
                    models.Q(("is_delivered", True), ("message", None)),
                    _connector="OR",
                ),
                name="chat_generation_logprobs_are_delivered",
            ),
        ),
    )
