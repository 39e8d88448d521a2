"""A key may have limits of its own: requests per minute, answers at once; made with it, as its cap is."""

from django.db import migrations, models

from apps.kernel.append_only import columns_never_change, keeping_triggers

KEY = (
    "id", "created_at", "user_id", "name", "prefix", "key_hash", "scopes", "allowed_networks", "allowed_models",
    "spend_cap_milli", "requests_per_minute", "max_parallel", "expires_at",
)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_rows_keep_their_holder")]

    operations = [
        *keeping_triggers(
            migrations.AddField(
                "apikey",
                "requests_per_minute",
                models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="requests per minute"),
            ),
            migrations.AddField(
                "apikey",
                "max_parallel",
                models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="answers at once"),
            ),
            migrations.AddConstraint(
                "apikey",
                models.CheckConstraint(
                    condition=models.Q(("requests_per_minute", None), ("requests_per_minute__gt", 0), _connector="OR"),
                    name="accounts_apikey_some_may_ask",
                ),
            ),
            migrations.AddConstraint(
                "apikey",
                models.CheckConstraint(
                    condition=models.Q(("max_parallel", None), ("max_parallel__gt", 0), _connector="OR"),
                    name="accounts_apikey_some_may_run",
                ),
            ),
        ),
        columns_never_change("accounts_apikey", *KEY, once=("revoked_at",)),
    ]
