"""What names a row stays, on tables whose other columns change; nothing that operators made, nor a seat, is deleted.

A seat that never drew has no other row that vouches for it: taken again, it would promise another seed.
"""

from django.db import migrations

from apps.kernel.append_only import columns_never_change, never_deleted

NAMES = {
    "marketing_activity": ("code",),
    "marketing_prizestock": ("activity_id", "code"),
    "marketing_stage": ("channel", "source"),
    "marketing_rebaterule": ("code",),
    "marketing_exchangeitem": ("code",),
    "marketing_exchangetally": ("person_id", "item_id"),
    "marketing_participation": ("person_id", "activity_id"),
}


class Migration(migrations.Migration):
    dependencies = [("marketing", "0008_first_seeds"), ("kernel", "0006_proposals_are_not_replaced")]
    operations = [
        *(columns_never_change(table, "id", "created_at", *names) for table, names in NAMES.items()),
        columns_never_change(
            "marketing_delivery", "id", "created_at", "draw_id", "user_id", "kind", "amount", once=("done_at",)
        ),
        never_deleted("marketing_activity"),
        never_deleted("marketing_stage"),
        never_deleted("marketing_rebaterule"),
        never_deleted("marketing_exchangeitem"),
        never_deleted("marketing_exchangetally", is_upserted=True),
        never_deleted("marketing_participation", is_upserted=True),
    ]
