"""Where an answer is written is kept with its text: the usage of one whose engine died says it, and what it cost us."""

import django.db.models.deletion
from django.db import migrations, models

from apps.kernel.append_only import columns_never_change, keeping_triggers

GENERATION = (
    "id", "created_at", "message_id", "user_id", "model_id", "price_id", "paid_by", "free_day", "hold_id",
    "held_milli", "api_key_id", "asked_tokens", "branch_tokens", "max_output_tokens", "is_shortened",
)
# As in 0017, and where it was written.
SETTLED = (
    "state", "unpaid_day", "charged_milli", "is_delivered", "lease_token", "lease_until", "stop_requested_at",
    "started_at", "settled_at", "prompt_tokens", "completion_tokens", "finish_reason", "error_code", "route_id",
)


class Migration(migrations.Migration):
    dependencies = [("chat", "0028_options_of_requests")]

    operations = [
        *keeping_triggers(
            migrations.AddField(
                model_name='generation',
                name='route',
                field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='chat.route', verbose_name='route'),
            ),
        ),
        columns_never_change("chat_generation", *GENERATION, final={"OLD.settled_at IS NOT NULL": SETTLED}),
    ]
