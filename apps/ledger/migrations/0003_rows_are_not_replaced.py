"""SQLite's REPLACE passes the triggers against DELETE."""

from typing import Any

from django.db import migrations

from apps.kernel.append_only import append_only_again, refuse_replace

# An account's credit is an INSERT … ON CONFLICT, so only another name under the same key is refused here.
ACCOUNT = """
CREATE TRIGGER ledger_account_no_replace_by_INSERT BEFORE INSERT ON ledger_account
BEGIN
    SELECT RAISE(ABORT, 'UNIQUE constraint failed: ledger_account.rowid')
    FROM ledger_account WHERE rowid = NEW.rowid;
    SELECT RAISE(ABORT, 'ledger_account: this never changes') FROM ledger_account
    WHERE id = NEW.id AND (owner <> NEW.owner OR asset <> NEW.asset OR is_system <> NEW.is_system);
END
"""
NAMES = (
    "ledger_account_no_replace_by_INSERT",
    "ledger_account_no_replace_by_UPDATE",
    "ledger_hold_no_replace_by_INSERT",
    "ledger_hold_no_replace_by_UPDATE",
)


def forwards(apps: Any, schema_editor: Any) -> None:
    """Guard holds and accounts, which do change, against being replaced."""
    if schema_editor.connection.vendor != "sqlite":
        return
    backwards(apps, schema_editor)
    schema_editor.execute(ACCOUNT, params=None)
    refuse_replace(schema_editor, "ledger_account", "UPDATE")
    for verb in ("INSERT", "UPDATE"):
        refuse_replace(schema_editor, "ledger_hold", verb)


def backwards(apps: Any, schema_editor: Any) -> None:
    """Remove these guards."""
    if schema_editor.connection.vendor == "sqlite":
        for name in NAMES:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_immutable"), ("kernel", "0003_rows_are_not_replaced")]
    operations = [
        append_only_again("ledger_transfer"),
        migrations.RunPython(forwards, backwards, elidable=False),
    ]
