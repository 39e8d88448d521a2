"""What happened to an order stays in its history."""

from django.db import migrations

from apps.kernel.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]
    operations = [append_only("orders_orderhistory")]
