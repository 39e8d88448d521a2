"""Which kinds of prizes and items there are is the registry's to know: a new one changes no table."""

from django.db import migrations, models
from django.db.models.functions import Lower

from apps.kernel.append_only import OnTables, columns_never_change, keeping_triggers

TABLES = ("delivery", "exchangeitem", "exchangeorder", "prize")

_delivery = columns_never_change(
    "marketing_delivery", "id", "created_at", "draw_id", "user_id", "kind", "amount", once=("done_at",)
)


def opened(table):
    name = f"marketing_{table}_kind"
    is_code = ~models.Q(kind="") & models.Q(kind=Lower("kind"))
    return [
        migrations.RemoveConstraint(table, f"{name}_known"),
        migrations.AlterField(table, "kind", models.CharField("kind", max_length=40)),
        migrations.AddConstraint(table, models.CheckConstraint(condition=is_code, name=f"{name}_is_code")),
    ]


class Migration(migrations.Migration):
    dependencies = [("marketing", "0010_published_text")]
    operations = keeping_triggers(
        # PostgreSQL widens no column that a trigger's condition looks at.
        OnTables(_delivery.reverse_code, _delivery.code, elidable=False),
        *(operation for table in TABLES for operation in opened(table)),
        _delivery,
    )
