"""Draws, sign-ins and registration gifts of before: the account's id is its person's.

The one time that rows which never change are written again, so their triggers stand aside for it.
"""

from typing import Any

from django.db import migrations

from apps.kernel.append_only import keeping_triggers

STATEMENTS = {
    "marketing_draw": "UPDATE marketing_draw SET person_id = user_id",
    "marketing_signin": "UPDATE marketing_signin SET person_id = user_id",
    "marketing_rebate": (
        "UPDATE marketing_rebate SET behaviour_key = 'person:' || SUBSTR(behaviour_key, 6) "
        "WHERE behaviour_key LIKE 'user:%%'"
    ),
}


def forwards(apps: Any, schema_editor: Any) -> None:
    """Fill the column, and name the person in the keys."""
    for table, statement in STATEMENTS.items():
        on_postgresql = schema_editor.connection.vendor == "postgresql"
        if on_postgresql:
            schema_editor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(statement, [])
        if on_postgresql:
            schema_editor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only")


class Migration(migrations.Migration):
    dependencies = [("marketing", "0004_persons")]

    operations = keeping_triggers(migrations.RunPython(forwards, migrations.RunPython.noop, elidable=False))
