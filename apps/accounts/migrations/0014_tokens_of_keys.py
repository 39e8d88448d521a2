"""A key may have a limit of tokens per minute, made with it, as its other limits are."""

from django.db import migrations, models

from apps.kernel.append_only import columns_never_change, keeping_triggers

KEY = (
    "id", "created_at", "user_id", "name", "prefix", "key_hash", "scopes", "allowed_networks", "allowed_models",
    "spend_cap_milli", "requests_per_minute", "tokens_per_minute", "max_parallel", "expires_at",
)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0013_limits_of_keys")]

    operations = [
        *keeping_triggers(
            migrations.AddField(
                "apikey",
                "tokens_per_minute",
                models.PositiveIntegerField(blank=True, null=True, verbose_name="tokens per minute"),
            ),
            migrations.AddConstraint(
                "apikey",
                models.CheckConstraint(
                    condition=models.Q(("tokens_per_minute", None), ("tokens_per_minute__gt", 0), _connector="OR"),
                    name="accounts_apikey_some_may_be_taken",
                ),
            ),
        ),
        columns_never_change("accounts_apikey", *KEY, once=("revoked_at",)),
    ]
