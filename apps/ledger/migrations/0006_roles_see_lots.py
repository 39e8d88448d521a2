"""Whoever may see movements may see lots."""

from django.db import migrations

from apps.kernel.roles import grant

ROLES = {"finance": ["ledger.view_lot"], "auditor": ["ledger.view_lot"]}


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0005_lots_of_before"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [grant(ROLES)]
