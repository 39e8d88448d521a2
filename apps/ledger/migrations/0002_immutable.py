"""What never changes, refused by the database on both engines; and the view that shows movements by account.

A later migration that lets SQLite rebuild one of these tables drops its triggers silently: it must
create them again. The audit (I-02) reports a missing one.
"""

from django.db import migrations

from apps.kernel.append_only import append_only

# Columns that say what a row is; the others say how it stands.
ACCOUNT = ("id", "owner", "asset", "is_system", "created_at")
HOLD = ("id", "account_id", "amount", "kind", "cause_type", "cause_id", "deadline_at", "created_at")

POSTGRESQL = """
CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
CREATE TRIGGER {table}_no_change BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({when})
    EXECUTE FUNCTION kernel_refuse_change();
"""
SQLITE_DELETE = """
CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
BEGIN SELECT RAISE(ABORT, '{table} rows are never deleted'); END
"""
SQLITE_CHANGE = """
CREATE TRIGGER {table}_no_change BEFORE UPDATE ON {table} WHEN {when}
BEGIN SELECT RAISE(ABORT, '{table}: this never changes'); END
"""
# No WHERE inside: PostgreSQL then reads a page by merging two index scans instead of sorting a whole account.
ENTRIES = """
CREATE VIEW ledger_entry AS
SELECT id, debit_id AS account_id, asset, -amount AS amount, kind, cause_type, cause_id,
       debit_balance_after AS balance_after, created_at
FROM ledger_transfer
UNION ALL
SELECT id, credit_id AS account_id, asset, amount, kind, cause_type, cause_id,
       credit_balance_after AS balance_after, created_at
FROM ledger_transfer
"""


def guard(table, columns, extra=""):
    """A migration operation: rows are never deleted, these columns never change, nothing changes when `extra` holds."""

    def forwards(apps, schema_editor):
        # Both are NULL-safe; a plain <> would let a change from or to NULL pass.
        postgresql = schema_editor.connection.vendor == "postgresql"
        differs = "IS DISTINCT FROM" if postgresql else "IS NOT"
        when = " OR ".join([f"OLD.{column} {differs} NEW.{column}" for column in columns] + [extra] * bool(extra))
        for statement in [POSTGRESQL] if postgresql else [SQLITE_DELETE, SQLITE_CHANGE]:
            schema_editor.execute(statement.format(table=table, when=when), params=None)

    def backwards(apps, schema_editor):
        on = f" ON {table}" if schema_editor.connection.vendor == "postgresql" else ""
        for name in ("no_delete", "no_change"):
            schema_editor.execute(f"DROP TRIGGER {table}_{name}{on}")

    return migrations.RunPython(forwards, backwards, elidable=False)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial"), ("kernel", "0002_append_only")]
    operations = [
        append_only("ledger_transfer"),
        guard("ledger_account", ACCOUNT),
        guard("ledger_hold", HOLD, extra="OLD.state <> 'pending'"),
        migrations.RunSQL(ENTRIES, "DROP VIEW ledger_entry"),
    ]
