"""An answer may be asked to think, and to search, each at a price of its own; which of it was asked stays with it."""

from django.db import migrations, models
from django.db.models import Q

from apps.kernel.append_only import columns_never_change, keeping_triggers

GENERATION = (
    "id", "created_at", "message_id", "user_id", "model_id", "price_id", "paid_by", "free_day", "hold_id",
    "held_milli", "api_key_id", "own_key_id", "asked_tokens", "branch_tokens", "max_output_tokens", "is_shortened",
    "thinks", "searches",
)
# As in 0029.
SETTLED = (
    "state", "unpaid_day", "charged_milli", "is_delivered", "lease_token", "lease_until", "stop_requested_at",
    "started_at", "settled_at", "prompt_tokens", "completion_tokens", "finish_reason", "error_code", "route_id",
)


class Migration(migrations.Migration):
    dependencies = [("chat", "0039_vectors")]

    operations = [
        *keeping_triggers(
            migrations.RemoveConstraint("chatmodel", "chat_chatmodel_capabilities_of_text"),
            migrations.AddField(
                "answerusage",
                "extra_milli",
                models.PositiveIntegerField(default=0, verbose_name="for extras (thousandths of a credit)"),
            ),
            migrations.AddField(
                "chatmodel", "has_search", models.BooleanField(default=False, verbose_name="searches the web")
            ),
            migrations.AddField(
                "generation", "searches", models.BooleanField(default=False, verbose_name="asked to search")
            ),
            migrations.AddField(
                "generation", "thinks", models.BooleanField(blank=True, null=True, verbose_name="asked to think")
            ),
            migrations.AddField(
                "modelprice",
                "search_milli",
                models.PositiveIntegerField(default=0, verbose_name="for searching (thousandths of a credit)"),
            ),
            migrations.AddField(
                "modelprice",
                "think_milli",
                models.PositiveIntegerField(default=0, verbose_name="for thinking (thousandths of a credit)"),
            ),
            migrations.AddConstraint(
                "chatmodel",
                models.CheckConstraint(
                    condition=Q(
                        ("kind", "text"),
                        Q(("has_reasoning", False), ("has_search", False), ("has_tools", False), ("has_vision", False)),
                        _connector="OR",
                    ),
                    name="chat_chatmodel_capabilities_of_text",
                ),
            ),
            migrations.AddConstraint(
                "modelprice",
                models.CheckConstraint(
                    condition=Q(
                        Q(("kind", "per_image"), _negated=True),
                        Q(("search_milli", 0), ("think_milli", 0)),
                        _connector="OR",
                    ),
                    name="chat_modelprice_extras_of_texts",
                ),
            ),
        ),
        columns_never_change("chat_generation", *GENERATION, final={"OLD.settled_at IS NOT NULL": SETTLED}),
    ]
