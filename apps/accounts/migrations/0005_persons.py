"""Persons, and whose every account is; which one, the next migration says."""

import django.db.models.deletion
from django.db import migrations, models

import apps.kernel.ids


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0004_used_signatures"),
    ]

    operations = [
        migrations.CreateModel(
            name="Person",
            fields=[
                ("id", models.UUIDField(default=apps.kernel.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("key_hash", models.CharField(blank=True, editable=False, max_length=64, null=True)),
                ("key_id", models.CharField(blank=True, editable=False, max_length=12)),
                ("left_at", models.DateTimeField(blank=True, null=True, verbose_name="left at")),
            ],
            options={
                "verbose_name": "person",
                "verbose_name_plural": "persons",
                "indexes": [
                    models.Index(
                        condition=models.Q(("key_hash__isnull", False), ("left_at__isnull", False)),
                        fields=["left_at"],
                        name="accounts_person_to_forget",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("key_hash",), name="accounts_person_once_per_key"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("key_hash", None), ("key_id", "")),
                            models.Q(("key_hash__isnull", False), models.Q(("key_id", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="accounts_person_key_names_its_secret",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="user",
            name="person",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.person", verbose_name="person"),
        ),
        migrations.AddField(
            model_name="listentry",
            name="person",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.person", verbose_name="person"),
        ),
    ]
