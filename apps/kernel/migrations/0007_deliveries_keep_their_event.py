"""Which handler works on which event never changes, and what is done stays done."""

from django.db import migrations

from apps.kernel.append_only import columns_never_change


class Migration(migrations.Migration):

    dependencies = [("kernel", "0006_proposals_are_not_replaced")]

    operations = [
        columns_never_change(
            "kernel_outboxdelivery", "id", "created_at", "event_id", "handler", "queue", once=("finished_at",)
        ),
    ]
