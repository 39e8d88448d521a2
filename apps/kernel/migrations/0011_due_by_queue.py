"""Who claims the deliveries of one queue does not read those that wait in another."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("kernel", "0010_one_window_per_key")]

    operations = [
        migrations.AddIndex(
            model_name="outboxdelivery",
            index=models.Index(
                condition=models.Q(("state", "pending")),
                fields=["queue", "available_at"],
                name="kernel_outbox_due_by_queue",
            ),
        ),
        migrations.RemoveIndex(model_name="outboxdelivery", name="kernel_outboxdelivery_due"),
    ]
