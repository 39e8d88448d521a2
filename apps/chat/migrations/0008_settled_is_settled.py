"""Who asked what, in which conversation and at which price never changes; a settled answer changes in nothing.

Texts grow and are erased, conversations are renamed, counts go up and down.
"""

from django.db import migrations

from apps.kernel.append_only import columns_never_change

GENERATION = (
    "id", "created_at", "message_id", "user_id", "model_id", "price_milli", "paid_by", "free_day", "hold_id",
    "api_key_id",
)
MESSAGE = ("id", "created_at", "conversation_id", "user_id", "parent_id", "role", "client_id")


class Migration(migrations.Migration):

    dependencies = [
        ("chat", "0007_reasoning"),
        ("kernel", "0006_proposals_are_not_replaced"),
    ]

    operations = [
        columns_never_change("chat_generation", *GENERATION, refused=("OLD.settled_at IS NOT NULL",)),
        columns_never_change("chat_message", *MESSAGE),
        columns_never_change("chat_reasoning", "message_id"),
        columns_never_change("chat_conversation", "id", "created_at", "user_id", once=("deleted_at",)),
        columns_never_change("chat_entitlement", "id", "created_at", "user_id", "model_id", "cause_type", "cause_id"),
        columns_never_change("chat_freeuse", "id", "person_id", "day"),
    ]
