"""A model is served by routes: the channel and the name that each had becomes its first."""

import django.db.models.deletion
from django.db import migrations, models

import apps.kernel.ids


def begin_routes(apps, schema_editor):
    """One route for each model, to the channel that it had."""
    route, model = (apps.get_model("chat", name) for name in ("Route", "ChatModel"))
    for row in model.objects.order_by("pk"):
        route.objects.create(
            model=row,
            channel_id=row.channel_id,
            upstream_name=row.upstream_name,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


def let_keys_be_checked(apps, schema_editor):
    """PostgreSQL drops no column while keys wait to be checked."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def key(to, related_name, verbose_name):
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT, related_name=related_name, to=to, verbose_name=verbose_name
    )


class Migration(migrations.Migration):
    dependencies = [("chat", "0015_rules_of_the_chain")]

    operations = [
        migrations.CreateModel(
            name="Route",
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
                ("upstream_name", models.CharField(max_length=128, verbose_name="upstream name")),
                ("priority", models.PositiveSmallIntegerField(default=1, verbose_name="priority")),
                ("weight", models.PositiveSmallIntegerField(default=1, verbose_name="weight")),
                ("is_enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("updated_at", models.DateTimeField(verbose_name="changed at")),
                ("channel", key("chat.channel", "+", "channel")),
                ("model", key("chat.chatmodel", "routes", "model")),
            ],
            options={
                "verbose_name": "route",
                "verbose_name_plural": "routes",
                "constraints": [
                    models.UniqueConstraint(fields=("model", "channel"), name="chat_route_once_per_channel"),
                    models.CheckConstraint(condition=models.Q(("weight__gt", 0)), name="chat_route_has_weight"),
                ],
            },
        ),
        migrations.RunPython(begin_routes, elidable=False),
        migrations.RunPython(let_keys_be_checked, elidable=False),
        migrations.RemoveField("chatmodel", "channel"),
        migrations.RemoveField("chatmodel", "upstream_name"),
    ]
