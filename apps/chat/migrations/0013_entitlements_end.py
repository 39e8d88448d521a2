"""A right to a model may end, and each grant of it is a row: those of before are the first of theirs, for ever."""

from django.db import migrations, models

from apps.kernel.append_only import columns_never_change, keeping_triggers, never_deleted

GRANT = ("id", "created_at", "user_id", "model_id", "cause_type", "cause_id", "number", "days", "ends_at")


class Migration(migrations.Migration):
    dependencies = [("chat", "0012_charged_within_hold")]

    operations = [
        *keeping_triggers(
            migrations.AddField(
                "entitlement",
                "number",
                models.PositiveSmallIntegerField(default=1, verbose_name="grant number"),
                preserve_default=False,
            ),
            migrations.AddField(
                "entitlement", "days", models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="days")
            ),
            migrations.AddField(
                "entitlement", "ends_at", models.DateTimeField(blank=True, null=True, verbose_name="ends at")
            ),
            migrations.RemoveConstraint("entitlement", "chat_entitlement_once_per_model"),
            migrations.AddConstraint(
                "entitlement",
                models.UniqueConstraint(fields=("user", "model", "number"), name="chat_entitlement_numbered"),
            ),
            migrations.AddConstraint(
                "entitlement",
                models.UniqueConstraint(
                    fields=("user", "model", "cause_type", "cause_id"), name="chat_entitlement_once_per_cause"
                ),
            ),
            migrations.AddConstraint(
                "entitlement",
                models.CheckConstraint(
                    condition=models.Q(("days__gt", 0), models.Q(("days", None), ("ends_at", None)), _connector="OR"),
                    name="chat_entitlement_term",
                ),
            ),
        ),
        columns_never_change("chat_entitlement", *GRANT),
        never_deleted("chat_entitlement"),
    ]
