"""SQLite's INSERT OR REPLACE passes the triggers against DELETE; and no delivery of a fact is ever deleted."""

from django.db import migrations

from apps.kernel.append_only import append_only_again, never_deleted


class Migration(migrations.Migration):
    dependencies = [("kernel", "0002_append_only")]
    operations = [
        append_only_again("kernel_auditentry"),
        append_only_again("kernel_outboxevent"),
        never_deleted("kernel_outboxdelivery"),
    ]
