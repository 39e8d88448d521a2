"""A price is a versioned row: models point at their present one, and each generation at the one it was asked at."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Min

import apps.kernel.ids
from apps.kernel.append_only import OnTables, append_only, columns_never_change, keeping_triggers

GENERATION = (
    "id", "created_at", "message_id", "user_id", "model_id", "price_id", "paid_by", "free_day", "hold_id",
    "held_milli", "api_key_id",
)
# As in 0012.
SETTLED = (
    "state", "unpaid_day", "charged_milli", "is_delivered", "lease_token", "lease_until", "stop_requested_at",
    "started_at", "settled_at", "prompt_tokens", "completion_tokens", "finish_reason", "error_code",
)


def number_prices(apps, schema_editor):
    """The prices that answers were asked at, in the order of their first one; the present one is the last version."""
    price, model, generation = (apps.get_model("chat", name) for name in ("ModelPrice", "ChatModel", "Generation"))
    for row in model.objects.order_by("pk"):
        asked = generation.objects.filter(model=row).values_list("price_milli").annotate(first=Min("created_at"))
        known = list(asked.order_by("first"))
        if not known or known[-1][0] != row.price_milli:
            known.append((row.price_milli, row.updated_at))
        for number, (price_milli, since) in enumerate(known, start=1):
            version = price.objects.create(
                code=f"{row.code}/{number}",
                number=number,
                kind="per_answer",
                answer_milli=price_milli,
                created_at=since,
            )
            generation.objects.filter(model=row, price_milli=price_milli, price=None).update(price=version)
        model.objects.filter(pk=row.pk).update(price=version)


def release_the_column(apps, schema_editor):
    """PostgreSQL drops no column that a trigger names, or while keys wait to be checked; SQLite's triggers are aside."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        schema_editor.execute("DROP TRIGGER chat_generation_columns_never_change ON chat_generation")


def price_key(**more):
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="chat.modelprice",
        verbose_name="price",
        **more,
    )


class Migration(migrations.Migration):
    dependencies = [("chat", "0013_entitlements_end")]

    operations = [
        migrations.CreateModel(
            name="ModelPrice",
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
                ("code", models.CharField(max_length=80, verbose_name="code")),
                ("number", models.PositiveIntegerField(verbose_name="version")),
                (
                    "kind",
                    models.CharField(choices=[("per_answer", "Per answer")], max_length=12, verbose_name="kind"),
                ),
                ("answer_milli", models.PositiveIntegerField(verbose_name="price (thousandths of a credit)")),
            ],
            options={
                "verbose_name": "price",
                "verbose_name_plural": "prices",
                "constraints": [
                    models.UniqueConstraint(fields=("code",), name="chat_modelprice_code_once"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["per_answer"])), name="chat_modelprice_kind_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("answer_milli__gt", 0)), name="chat_modelprice_positive"
                    ),
                ],
            },
        ),
        *keeping_triggers(
            migrations.AddField("chatmodel", "price", price_key(null=True)),
            migrations.AddField("generation", "price", price_key(null=True)),
            migrations.RunPython(number_prices, elidable=False),
            OnTables(release_the_column, elidable=False),
            migrations.RemoveConstraint("chatmodel", "chat_chatmodel_price_positive"),
            migrations.RemoveField("chatmodel", "price_milli"),
            migrations.RemoveField("generation", "price_milli"),
            migrations.AlterField("chatmodel", "price", price_key()),
            migrations.AlterField("generation", "price", price_key()),
        ),
        append_only("chat_modelprice"),
        columns_never_change("chat_generation", *GENERATION, final={"OLD.settled_at IS NOT NULL": SETTLED}),
    ]
