"""An answer may be images: how many were asked for, how, and what their model made of the prompt."""

from django.db import migrations, models

from apps.kernel.append_only import columns_never_change, keeping_triggers

GENERATION = (
    "id", "created_at", "message_id", "user_id", "model_id", "price_id", "paid_by", "free_day", "hold_id",
    "held_milli", "api_key_id", "own_key_id", "asked_tokens", "branch_tokens", "max_output_tokens", "is_shortened",
    "thinks", "searches", "images", "image_size", "image_quality",
)
# As in 0029.
SETTLED = (
    "state", "unpaid_day", "charged_milli", "is_delivered", "lease_token", "lease_until", "stop_requested_at",
    "started_at", "settled_at", "prompt_tokens", "completion_tokens", "finish_reason", "error_code", "route_id",
)


class Migration(migrations.Migration):
    dependencies = [("chat", "0040_extras")]

    operations = [
        *keeping_triggers(
            migrations.AddField(
                "generation",
                "images",
                models.PositiveSmallIntegerField(default=0, verbose_name="images asked for"),
            ),
            migrations.AddField(
                "generation",
                "image_size",
                models.CharField(blank=True, default="", max_length=16, verbose_name="size of the images"),
            ),
            migrations.AddField(
                "generation",
                "image_quality",
                models.CharField(blank=True, default="", max_length=16, verbose_name="quality of the images"),
            ),
            migrations.AddField(
                "picture",
                "revised_prompt",
                models.TextField(blank=True, default="", verbose_name="revised prompt"),
            ),
        ),
        columns_never_change("chat_generation", *GENERATION, final={"OLD.settled_at IS NOT NULL": SETTLED}),
    ]
