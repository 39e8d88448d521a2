"""A conversation may begin afresh below an answer."""

from django.db import migrations, models

from apps.kernel.append_only import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("chat", "0035_tokenizers")]

    operations = keeping_triggers(
        migrations.AddField(
            "message", "ends_context", models.BooleanField(default=False, verbose_name="context ends here")
        ),
        migrations.AddConstraint(
            "message",
            models.CheckConstraint(
                condition=models.Q(("role", "assistant"), ("ends_context", False), _connector="OR"),
                name="chat_message_context_ends_with_answers",
            ),
        ),
    )
