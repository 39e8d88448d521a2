"""SQLite's REPLACE passes the triggers against DELETE; and nothing that was owed, issued or drawn is ever deleted."""

from typing import Any

from django.db import migrations

from apps.kernel.append_only import append_only_again, never_deleted, refuse_replace

PUBLISHED = {
    "marketing_oddsversion": "marketing_oddsversion.state <> 'draft'",
    "marketing_prize": (
        "EXISTS (SELECT 1 FROM marketing_oddsversion v WHERE v.id = marketing_prize.odds_id AND v.state <> 'draft')"
    ),
}


def forwards(apps: Any, schema_editor: Any) -> None:
    """Guard published odds against drafts that replace them."""
    if schema_editor.connection.vendor != "sqlite":
        return
    backwards(apps, schema_editor)
    for table, only in PUBLISHED.items():
        for verb in ("INSERT", "UPDATE"):
            refuse_replace(schema_editor, table, verb, only)


def backwards(apps: Any, schema_editor: Any) -> None:
    """Remove these guards."""
    if schema_editor.connection.vendor == "sqlite":
        for table in PUBLISHED:
            for verb in ("INSERT", "UPDATE"):
                schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_no_replace_by_{verb}")


class Migration(migrations.Migration):
    dependencies = [("marketing", "0002_immutable_rows"), ("kernel", "0003_rows_are_not_replaced")]
    operations = [
        append_only_again("marketing_draw"),
        append_only_again("marketing_rebate"),
        append_only_again("marketing_signin"),
        append_only_again("marketing_exchangeorder"),
        never_deleted("marketing_delivery"),
        never_deleted("marketing_prizestock"),
        migrations.RunPython(forwards, backwards, elidable=False),
    ]
