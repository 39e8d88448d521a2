"""SQLite's INSERT OR REPLACE passes the triggers against DELETE; and neither orders nor money are ever deleted."""

from django.db import migrations

from apps.kernel.append_only import append_only_again, never_deleted


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_append_only"), ("kernel", "0003_rows_are_not_replaced")]
    operations = [
        append_only_again("orders_orderhistory"),
        never_deleted("orders_order"),
        never_deleted("orders_payment"),
        never_deleted("orders_product"),
    ]
