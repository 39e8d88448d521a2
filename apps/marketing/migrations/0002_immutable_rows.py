"""Published odds and finished facts never change, whoever asks: triggers on both engines."""

from typing import Any

from django.db import migrations

from apps.kernel.append_only import append_only

# What may still happen to a published version is its retirement; everything else about it is frozen.
_POSTGRESQL = """
CREATE FUNCTION marketing_guard_oddsversion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'draft' THEN
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR NEW.state = 'draft' OR (OLD.state = 'retired' AND NEW.state <> 'retired')
        OR (to_jsonb(OLD) - 'state') IS DISTINCT FROM (to_jsonb(NEW) - 'state')
    THEN
        RAISE EXCEPTION 'published odds never change' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER marketing_oddsversion_immutable BEFORE UPDATE OR DELETE ON marketing_oddsversion
    FOR EACH ROW EXECUTE FUNCTION marketing_guard_oddsversion();

CREATE FUNCTION marketing_guard_prize() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Publication locks the version before it reads the prizes: it waits for this change, or this change for it.
    PERFORM 1 FROM marketing_oddsversion v WHERE v.id IN (OLD.odds_id, NEW.odds_id) FOR SHARE;
    IF EXISTS (SELECT 1 FROM marketing_oddsversion v WHERE v.state <> 'draft'
               AND ((TG_OP <> 'INSERT' AND v.id = OLD.odds_id) OR (TG_OP <> 'DELETE' AND v.id = NEW.odds_id)))
    THEN
        RAISE EXCEPTION 'published odds never change' USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER marketing_prize_immutable BEFORE INSERT OR UPDATE OR DELETE ON marketing_prize
    FOR EACH ROW EXECUTE FUNCTION marketing_guard_prize();
"""
_POSTGRESQL_BACK = """
DROP TRIGGER marketing_prize_immutable ON marketing_prize;
DROP FUNCTION marketing_guard_prize();
DROP TRIGGER marketing_oddsversion_immutable ON marketing_oddsversion;
DROP FUNCTION marketing_guard_oddsversion();
"""

_FROZEN = ("id", "created_at", "activity_id", "number", "declared_total", "content_hash", "published_at", "published_by")
_CHANGED = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in _FROZEN)
_IS_PUBLISHED = "EXISTS (SELECT 1 FROM marketing_oddsversion v WHERE v.id = {row}.odds_id AND v.state <> 'draft')"
_SQLITE = {
    "marketing_oddsversion_no_update": f"""BEFORE UPDATE ON marketing_oddsversion
        WHEN OLD.state <> 'draft' AND (NEW.state = 'draft'
             OR (OLD.state = 'retired' AND NEW.state <> 'retired') OR {_CHANGED})""",
    "marketing_oddsversion_no_delete": "BEFORE DELETE ON marketing_oddsversion WHEN OLD.state <> 'draft'",
    "marketing_prize_no_insert": f"BEFORE INSERT ON marketing_prize WHEN {_IS_PUBLISHED.format(row='NEW')}",
    "marketing_prize_no_update": f"""BEFORE UPDATE ON marketing_prize
        WHEN {_IS_PUBLISHED.format(row="OLD")} OR {_IS_PUBLISHED.format(row="NEW")}""",
    "marketing_prize_no_delete": f"BEFORE DELETE ON marketing_prize WHEN {_IS_PUBLISHED.format(row='OLD')}",
}


def forwards(apps: Any, schema_editor: Any) -> None:
    """Guard published odds."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_POSTGRESQL, params=None)
        return
    for name, when in _SQLITE.items():
        body = "SELECT RAISE(ABORT, 'published odds never change');"
        schema_editor.execute(f"CREATE TRIGGER {name} {when} BEGIN {body} END")


def backwards(apps: Any, schema_editor: Any) -> None:
    """Remove the guards."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_POSTGRESQL_BACK, params=None)
        return
    for name in _SQLITE:
        schema_editor.execute(f"DROP TRIGGER {name}")


class Migration(migrations.Migration):
    dependencies = [("marketing", "0001_initial")]

    operations = [
        migrations.RunPython(forwards, backwards, elidable=False),
        append_only("marketing_draw"),
        append_only("marketing_rebate"),
        append_only("marketing_signin"),
        append_only("marketing_exchangeorder"),
    ]
