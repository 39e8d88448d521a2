from django.db import migrations, models

import apps.kernel.ids


def keep_used_ones(apps, schema_editor):
    """What was used for a message before stays used; no request repeats it, so what it was used for is left empty."""
    messages = apps.get_model("accounts", "CallbackMessage").objects.values_list("signature_hash", "created_at")
    used = apps.get_model("accounts", "UsedSignature")
    rows = (used(signature_hash=key, use_hash="", created_at=at) for key, at in messages.iterator())
    used.objects.bulk_create(rows, batch_size=1000)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_role")]

    operations = [
        migrations.CreateModel(
            name="UsedSignature",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.kernel.ids.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("signature_hash", models.CharField(max_length=64)),
                ("use_hash", models.CharField(max_length=64)),
            ],
            options={
                "verbose_name": "used WeChat signature",
                "verbose_name_plural": "used WeChat signatures",
                "indexes": [models.Index(fields=["created_at"], name="accounts_usedsignature_by_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("signature_hash",), name="accounts_usedsignature_once")
                ],
            },
        ),
        migrations.RunPython(keep_used_ones, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="callbackmessage", name="accounts_callbackmessage_signature_once"),
        migrations.RemoveField(model_name="callbackmessage", name="signature_hash"),
    ]
