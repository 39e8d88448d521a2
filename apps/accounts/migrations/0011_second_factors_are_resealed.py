"""An authenticator's secret may be sealed under another key, and stays what it was made otherwise."""

from django.db import migrations

from apps.kernel.append_only import columns_never_change


class Migration(migrations.Migration):

    dependencies = [("accounts", "0010_rights_never_change")]

    operations = [
        columns_never_change(
            "accounts_secondfactor",
            "id",
            "created_at",
            "user_id",
            once=("confirmed_at",),
            sealed=("secret_sealed",),
        ),
    ]
