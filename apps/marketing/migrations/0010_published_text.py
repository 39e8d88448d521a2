"""Published odds keep the text that was hashed; today's versions get it written as it was then: format 1."""

import json

from django.db import migrations, models

from apps.kernel.append_only import keeping_triggers

_FROZEN = (
    *("id", "created_at", "activity_id", "number", "declared_total"),
    *("content", "content_hash", "published_at", "published_by"),
)
_CHANGED = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in _FROZEN)
# As in 0002, with the content. PostgreSQL's compares whole rows.
_SQLITE = f"""
CREATE TRIGGER marketing_oddsversion_no_update BEFORE UPDATE ON marketing_oddsversion
    WHEN OLD.state <> 'draft' AND (NEW.state = 'draft'
         OR (OLD.state = 'retired' AND NEW.state <> 'retired') OR {_CHANGED})
BEGIN SELECT RAISE(ABORT, 'published odds never change'); END
"""


def fill(apps, schema_editor):
    """Write each published text. One that was forged before gets another hash than its own, and the audit says so."""
    on_postgresql = schema_editor.connection.vendor == "postgresql"
    if on_postgresql:
        schema_editor.execute("ALTER TABLE marketing_oddsversion DISABLE TRIGGER marketing_oddsversion_immutable")
    prizes = apps.get_model("marketing", "Prize").objects
    versions = apps.get_model("marketing", "OddsVersion").objects
    for version in versions.exclude(state="draft").iterator(chunk_size=500):
        rows = prizes.filter(odds_id=version.pk).order_by("position")
        versions.filter(pk=version.pk).update(content=_text(version, rows))
    if on_postgresql:
        schema_editor.execute("ALTER TABLE marketing_oddsversion ENABLE TRIGGER marketing_oddsversion_immutable")


def _text(version, prizes):
    content = {
        "activity": str(version.activity_id),
        "declared_total": version.declared_total,
        "prizes": [
            {
                "amount": prize.amount,
                "fallback": prize.is_fallback,
                "kind": prize.kind,
                "position": prize.position,
                "stock": str(prize.stock_id) if prize.stock_id else None,
                "title": prize.title,
                "weight": prize.weight,
            }
            for prize in prizes
        ],
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def guard(apps, schema_editor):
    """Freeze it."""
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER IF EXISTS marketing_oddsversion_no_update")
        schema_editor.execute(_SQLITE, params=None)


class Migration(migrations.Migration):
    dependencies = [("marketing", "0009_rows_keep_their_names")]
    operations = [
        *keeping_triggers(
            migrations.AddField("oddsversion", "content", models.TextField("content", blank=True, default=""),
                                preserve_default=False),
            migrations.RunPython(fill, migrations.RunPython.noop, elidable=False),
            migrations.AddConstraint(
                "oddsversion",
                models.CheckConstraint(
                    condition=models.Q(("content", ""), ("state", "draft"))
                    | models.Q(models.Q(("state", "draft"), _negated=True), models.Q(("content", ""), _negated=True)),
                    name="marketing_oddsversion_content_matches_state",
                ),
            ),
        ),
        migrations.RunPython(guard, migrations.RunPython.noop, elidable=False),
    ]
