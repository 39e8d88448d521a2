"""What a generation's hold sets aside is a column of its own: until now it was the price. No charge is above it."""

from django.db import migrations, models

from apps.kernel.append_only import OnTables, columns_never_change, keeping_triggers

GENERATION = (
    "id", "created_at", "message_id", "user_id", "model_id", "price_milli", "paid_by", "free_day", "hold_id",
    "held_milli", "api_key_id",
)
# As in 0010.
SETTLED = (
    "state", "unpaid_day", "charged_milli", "is_delivered", "lease_token", "lease_until", "stop_requested_at",
    "started_at", "settled_at", "prompt_tokens", "completion_tokens", "finish_reason", "error_code",
)
HELD = "UPDATE chat_generation SET held_milli = price_milli WHERE paid_by = 'quota'"


def hold_prices(apps, schema_editor):
    schema_editor.execute(HELD)


class Migration(migrations.Migration):
    dependencies = [("chat", "0011_generations_own_their_request")]

    operations = [
        *keeping_triggers(
            migrations.AddField(
                "generation",
                "held_milli",
                models.PositiveIntegerField(default=0, verbose_name="held (thousandths of a credit)"),
            ),
            OnTables(hold_prices, migrations.RunPython.noop, elidable=False),
            migrations.RemoveConstraint("generation", "chat_generation_charge_within_price"),
            migrations.RemoveConstraint("generation", "chat_generation_paid_one_way"),
            migrations.AddConstraint(
                "generation",
                models.CheckConstraint(
                    condition=models.Q(
                        ("free_day__isnull", False), ("held_milli", 0), ("hold_id", None), ("paid_by", "free")
                    )
                    | models.Q(
                        ("free_day", None), ("held_milli__gt", 0), ("hold_id__isnull", False), ("paid_by", "quota")
                    ),
                    name="chat_generation_paid_one_way",
                ),
            ),
            migrations.AddConstraint(
                "generation",
                models.CheckConstraint(
                    condition=models.Q(("charged_milli__lte", models.F("held_milli"))),
                    name="chat_generation_charge_within_hold",
                ),
            ),
        ),
        columns_never_change("chat_generation", *GENERATION, final={"OLD.settled_at IS NOT NULL": SETTLED}),
    ]
