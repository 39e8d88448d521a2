"""What was written belongs to the generation; the message shows it. Former answers and thoughts move there."""

from django.db import migrations, models

from apps.kernel.append_only import OnTables, columns_never_change, keeping_triggers

GENERATION = (
    "id", "created_at", "message_id", "user_id", "model_id", "price_milli", "paid_by", "free_day", "hold_id",
    "api_key_id",
)
# As in 0008; but what was written is erased also when it is settled, and an engine may add what it had shown.
SETTLED = (
    "state", "unpaid_day", "charged_milli", "is_delivered", "lease_token", "lease_until", "stop_requested_at",
    "started_at", "settled_at", "prompt_tokens", "completion_tokens", "finish_reason", "error_code",
)
MOVES = (
    """
    UPDATE chat_generation SET
        text = (SELECT message.text FROM chat_message AS message WHERE message.id = chat_generation.message_id),
        reasoning = COALESCE((SELECT reasoning.text FROM chat_reasoning AS reasoning
                              WHERE reasoning.message_id = chat_generation.message_id), '')
    """,
    "UPDATE chat_message SET text = '' WHERE role = 'assistant' AND text <> ''",
)


def move(apps, schema_editor):
    """Of messages without a generation nothing is left to move: they are breaches already (I-17-answers)."""
    on_postgresql = schema_editor.connection.vendor == "postgresql"
    if on_postgresql:
        schema_editor.execute("ALTER TABLE chat_generation DISABLE TRIGGER chat_generation_columns_never_change")
    for statement in MOVES:
        schema_editor.execute(statement)
    if on_postgresql:
        schema_editor.execute("ALTER TABLE chat_generation ENABLE TRIGGER chat_generation_columns_never_change")


class Migration(migrations.Migration):
    dependencies = [("chat", "0009_open_channel_kinds")]

    operations = [
        *keeping_triggers(
            migrations.AddField("generation", "text", models.TextField(blank=True, default=""), preserve_default=False),
            migrations.AddField(
                "generation", "reasoning", models.TextField(blank=True, default=""), preserve_default=False
            ),
            OnTables(move, migrations.RunPython.noop, elidable=False),
            migrations.AddConstraint(
                "message",
                models.CheckConstraint(
                    condition=models.Q(("role", "user"), ("text", ""), _connector="OR"),
                    name="chat_message_answers_are_generated",
                ),
            ),
        ),
        migrations.DeleteModel("Reasoning"),
        columns_never_change("chat_generation", *GENERATION, final={"OLD.settled_at IS NOT NULL": SETTLED}),
    ]
