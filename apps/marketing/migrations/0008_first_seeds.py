"""The hash of a seat's first seed stays as it was shown: until the first draw no other row vouches for the seed."""

import hashlib

from django.db import migrations, models

from apps.kernel.append_only import keeping_triggers

TRIGGER = "marketing_participation_first_seed"
POSTGRESQL = f"""
DROP TRIGGER IF EXISTS {TRIGGER} ON marketing_participation;
CREATE TRIGGER {TRIGGER} BEFORE UPDATE ON marketing_participation FOR EACH ROW
    WHEN (OLD.first_seed_hash IS DISTINCT FROM NEW.first_seed_hash) EXECUTE FUNCTION kernel_refuse_change();
"""
SQLITE = f"""
CREATE TRIGGER {TRIGGER} BEFORE UPDATE ON marketing_participation WHEN OLD.first_seed_hash IS NOT NEW.first_seed_hash
BEGIN SELECT RAISE(ABORT, 'marketing_participation: a first seed never changes'); END
"""


def fill(apps, schema_editor):
    """The first draw reveals the first seed; a seat without draws still has it."""
    draws = apps.get_model("marketing", "Draw").objects.filter(nonce=0)
    revealed = {(person, activity): seed for person, activity, seed in
                draws.values_list("person_id", "activity_id", "server_seed").iterator(chunk_size=2000)}
    seats = apps.get_model("marketing", "Participation").objects.all()
    for pk, person, activity, seed in seats.values_list("pk", "person_id", "activity_id", "server_seed").iterator(
        chunk_size=2000
    ):
        first = revealed.get((person, activity), seed)
        seats.filter(pk=pk).update(first_seed_hash=hashlib.sha256(bytes.fromhex(first)).hexdigest())


def guard(apps, schema_editor):
    """Freeze it."""
    on_postgresql = schema_editor.connection.vendor == "postgresql"
    if not on_postgresql:
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {TRIGGER}")
    schema_editor.execute(POSTGRESQL if on_postgresql else SQLITE, params=None)


def unguard(apps, schema_editor):
    """Let it go."""
    on = " ON marketing_participation" if schema_editor.connection.vendor == "postgresql" else ""
    schema_editor.execute(f"DROP TRIGGER IF EXISTS {TRIGGER}{on}")


class Migration(migrations.Migration):
    dependencies = [("marketing", "0007_adjustments"), ("kernel", "0003_rows_are_not_replaced")]
    operations = [
        *keeping_triggers(
            migrations.AddField("participation", "first_seed_hash", models.CharField(default="", max_length=64),
                                preserve_default=False),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=False),
        migrations.RunPython(guard, unguard, elidable=False),
    ]
