"""What a key has asked lately, and in a month, is found by an index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0032_tool_calls")]

    operations = [
        migrations.AddIndex(
            "generation",
            models.Index(
                condition=models.Q(("api_key_id__isnull", False)),
                fields=["api_key_id", "created_at"],
                name="chat_generation_of_key",
            ),
        ),
    ]
