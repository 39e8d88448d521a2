"""Members have keys of their own, with which their questions cost neither them nor us anything here."""

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import apps.kernel.ids
from apps.kernel.append_only import columns_never_change, keeping_triggers

GENERATION = (
    "id", "created_at", "message_id", "user_id", "model_id", "price_id", "paid_by", "free_day", "hold_id",
    "held_milli", "api_key_id", "own_key_id", "asked_tokens", "branch_tokens", "max_output_tokens", "is_shortened",
)
# As in 0029.
SETTLED = (
    "state", "unpaid_day", "charged_milli", "is_delivered", "lease_token", "lease_until", "stop_requested_at",
    "started_at", "settled_at", "prompt_tokens", "completion_tokens", "finish_reason", "error_code", "route_id",
)


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0036_fresh_starts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="OwnKey",
            fields=[
                ("id", models.UUIDField(default=apps.kernel.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("kind", models.CharField(max_length=40, verbose_name="kind")),
                ("api_key_sealed", models.TextField(editable=False)),
                ("hint", models.CharField(blank=True, max_length=8, verbose_name="ends in")),
                ("base_url", models.CharField(blank=True, max_length=300, verbose_name="base URL")),
                ("is_enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("updated_at", models.DateTimeField(verbose_name="changed at")),
                ("tested_at", models.DateTimeField(blank=True, null=True, verbose_name="tested at")),
                ("test_code", models.CharField(blank=True, max_length=40, verbose_name="test showed")),
                ("user", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL, verbose_name="member")),
            ],
            options={
                "verbose_name": "own key of a member",
                "verbose_name_plural": "own keys of members",
                "constraints": [
                    models.UniqueConstraint(fields=("user", "kind"), name="chat_ownkey_once_per_kind"),
                    models.CheckConstraint(condition=models.Q(("api_key_sealed", ""), _negated=True), name="chat_ownkey_is_entered"),
                    models.CheckConstraint(condition=models.Q(("tested_at__isnull", False), ("test_code", ""), _connector="OR"), name="chat_ownkey_tested_when_it_says_so"),
                    models.CheckConstraint(condition=models.Q(models.Q(("kind", ""), _negated=True), ("kind", django.db.models.functions.text.Lower("kind"))), name="chat_ownkey_kind_is_code"),
                ],
            },
        ),
        columns_never_change("chat_ownkey", "id", "created_at", "user_id", "kind"),
        *keeping_triggers(
            migrations.AddField("chatpolicy", "allows_own_addresses", models.BooleanField(db_default=False, default=False, help_text="Members may have their own keys asked at addresses that they name: public ones, by HTTPS.", verbose_name="own keys at addresses of their own")),
            migrations.AlterField("attempt", "key", models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="chat.channelkey", verbose_name="channel key")),
            migrations.RemoveConstraint("generation", "chat_generation_paid_by_known"),
            migrations.RemoveConstraint("generation", "chat_generation_paid_one_way"),
            migrations.AddField("generation", "own_key_id", models.UUIDField(blank=True, null=True, verbose_name="own key ID")),
            migrations.AlterField("generation", "paid_by", models.CharField(choices=[("free", "Free allowance"), ("quota", "Chat quota"), ("own_key", "Own key")], max_length=8, verbose_name="paid by")),
            migrations.AddConstraint("generation", models.CheckConstraint(condition=models.Q(("paid_by__in", ["free", "quota", "own_key"])), name="chat_generation_paid_by_known")),
            migrations.AddConstraint("generation", models.CheckConstraint(condition=models.Q(models.Q(("free_day__isnull", False), ("held_milli", 0), ("hold_id", None), ("own_key_id", None), ("paid_by", "free")), models.Q(("free_day", None), ("held_milli__gt", 0), ("hold_id__isnull", False), ("own_key_id", None), ("paid_by", "quota")), models.Q(("free_day", None), ("held_milli", 0), ("hold_id", None), ("own_key_id__isnull", False), ("paid_by", "own_key"), ("unpaid_day", None)), _connector="OR"), name="chat_generation_paid_one_way")),
        ),
        columns_never_change("chat_generation", *GENERATION, final={"OLD.settled_at IS NOT NULL": SETTLED}),
    ]
