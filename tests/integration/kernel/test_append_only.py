"""What never changes cannot be replaced either, and a migration that rebuilds a table keeps its guards."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, migrations, models, transaction
from django.db.migrations.state import ProjectState

from apps.kernel import audit, clock
from apps.kernel.append_only import append_only, keeping_triggers
from apps.kernel.models import AuditEntry

sqlite_only = pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite knows REPLACE, or copies tables")


def _guarded() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tbl_name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_no_delete'")
        return sorted(table for (table,) in cursor.fetchall())


def _an_entry(reason: str) -> AuditEntry:
    with transaction.atomic():
        audit.record(actor=audit.SYSTEM, action="a", target=("t", "1"), reason=reason, now=clock.now())
    return AuditEntry.objects.get(reason=reason)


@sqlite_only
@pytest.mark.django_db
@pytest.mark.parametrize("key", ["id", "rowid"])
def test_a_row_that_never_changes_is_not_replaced(key: str) -> None:
    row = _an_entry("because")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {key} FROM kernel_auditentry")  # noqa: S608  # one of the two names above
        (value,) = cursor.fetchone()
    columns = "id, actor, action, target_type, target_id, reason, created_at"
    new_id = [] if key == "id" else ["f" * 32]
    values = [value, *new_id, "a", "a", "t", "1", "otherwise", clock.now() + timedelta(days=1)]

    statement = f"INSERT OR REPLACE INTO kernel_auditentry ({'rowid, ' if new_id else ''}{columns})"
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{statement} VALUES ({', '.join(['%s'] * len(values))})", values)

    assert AuditEntry.objects.get() == row


@sqlite_only
@pytest.mark.django_db
def test_every_table_whose_rows_stay_refuses_replace_by_each_of_its_unique_keys() -> None:
    """A unique key that a later migration adds must be in the trigger too: append_only_again(), never_deleted()."""
    missing = []
    with connection.cursor() as cursor:
        for table in _guarded():
            cursor.execute(
                "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = %s", [f"{table}_no_replace_by_INSERT"]
            )
            (trigger,) = cursor.fetchone() or ("",)
            cursor.execute(f"PRAGMA index_list({table})")
            for _, index, is_unique, *_ in cursor.fetchall():
                cursor.execute(f"PRAGMA index_info({index})")
                columns = [name for *_, name in cursor.fetchall()]
                if is_unique and not all(f"NEW.{column}" in trigger for column in columns):
                    missing.append((table, columns))

    assert len(_guarded()) >= 16
    assert missing == []


@sqlite_only
@pytest.mark.django_db(transaction=True)
def test_a_migration_that_copies_a_table_keeps_its_guards() -> None:
    state = ProjectState()
    create = migrations.CreateModel("Lamp", [("id", models.AutoField(primary_key=True)), ("name", models.TextField())])
    change = migrations.AlterField("Lamp", "name", models.TextField(unique=True))
    view = migrations.RunSQL("CREATE VIEW kernel_lamps AS SELECT name FROM kernel_lamp", "DROP VIEW kernel_lamps")
    steps = [create, append_only("kernel_lamp"), view, *keeping_triggers(change)]
    try:
        for step in steps:
            before = state.clone()
            step.state_forwards("kernel", state)
            with connection.schema_editor() as editor:
                step.database_forwards("kernel", editor, before, state)
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO kernel_lamp (name) VALUES ('desk')")
            cursor.execute("SELECT name FROM kernel_lamps")
            assert cursor.fetchall() == [("desk",)]
            with pytest.raises(IntegrityError, match="never change"):
                cursor.execute("DELETE FROM kernel_lamp")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP VIEW IF EXISTS kernel_lamps")
            cursor.execute("DROP TABLE IF EXISTS kernel_lamp")
