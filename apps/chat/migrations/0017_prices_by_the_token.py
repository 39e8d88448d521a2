"""A price by the token; and what an answer's hold was made for: our counts, and how long the answer may be."""

from django.db import migrations, models

from apps.kernel.append_only import OnTables, columns_never_change, keeping_triggers

GENERATION = (
    "id", "created_at", "message_id", "user_id", "model_id", "price_id", "paid_by", "free_day", "hold_id",
    "held_milli", "api_key_id", "asked_tokens", "branch_tokens", "max_output_tokens", "is_shortened",
)
# As in 0014.
SETTLED = (
    "state", "unpaid_day", "charged_milli", "is_delivered", "lease_token", "lease_until", "stop_requested_at",
    "started_at", "settled_at", "prompt_tokens", "completion_tokens", "finish_reason", "error_code",
)
LONGEST = """
UPDATE chat_generation SET max_output_tokens =
    (SELECT max_output_tokens FROM chat_chatmodel WHERE chat_chatmodel.id = chat_generation.model_id)
"""


def keep_their_longest(apps, schema_editor):
    """Answers of before are as long as their model's longest of now: what is under way is asked for with it."""
    schema_editor.execute(LONGEST)


class Migration(migrations.Migration):
    dependencies = [("chat", "0016_routes")]

    operations = [
        *keeping_triggers(
            migrations.RemoveConstraint(
                model_name='modelprice',
                name='chat_modelprice_kind_known',
            ),
            migrations.RemoveConstraint(
                model_name='modelprice',
                name='chat_modelprice_positive',
            ),
            migrations.AddField(
                model_name='generation',
                name='asked_tokens',
                field=models.PositiveIntegerField(default=0, verbose_name='asked (tokens)'),
            ),
            migrations.AddField(
                model_name='generation',
                name='branch_tokens',
                field=models.PositiveIntegerField(blank=True, null=True),
            ),
            migrations.AddField(
                model_name='generation',
                name='is_shortened',
                field=models.BooleanField(default=False, verbose_name='shortened to what could be paid'),
            ),
            migrations.AddField(
                model_name='generation',
                name='max_output_tokens',
                field=models.PositiveIntegerField(default=0, verbose_name='longest answer (tokens)'),
            ),
            migrations.AddField(
                model_name='modelprice',
                name='cached_milli',
                field=models.PositiveIntegerField(blank=True, null=True, verbose_name='a thousand cached tokens of input'),
            ),
            migrations.AddField(
                model_name='modelprice',
                name='input_milli',
                field=models.PositiveIntegerField(blank=True, null=True, verbose_name='a thousand tokens of input'),
            ),
            migrations.AddField(
                model_name='modelprice',
                name='output_milli',
                field=models.PositiveIntegerField(blank=True, null=True, verbose_name='a thousand tokens of output'),
            ),
            migrations.AlterField(
                model_name='modelprice',
                name='answer_milli',
                field=models.PositiveIntegerField(blank=True, null=True, verbose_name='price (thousandths of a credit)'),
            ),
            migrations.AlterField(
                model_name='modelprice',
                name='kind',
                field=models.CharField(choices=[('per_answer', 'Per answer'), ('per_tokens', 'By the token')], max_length=12, verbose_name='kind'),
            ),
            migrations.AddConstraint(
                model_name='modelprice',
                constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['per_answer', 'per_tokens'])), name='chat_modelprice_kind_known'),
            ),
            migrations.AddConstraint(
                model_name='modelprice',
                constraint=models.CheckConstraint(condition=models.Q(
                    ("answer_milli__gt", 0),
                    ("answer_milli__isnull", False),
                    ("cached_milli", None),
                    ("input_milli", None),
                    ("kind", "per_answer"),
                    ("output_milli", None),
                )
                | models.Q(
                    ("answer_milli", None),
                    ("cached_milli__gte", 0),
                    ("cached_milli__isnull", False),
                    ("input_milli__gte", models.F("cached_milli")),
                    ("input_milli__isnull", False),
                    ("kind", "per_tokens"),
                    ("output_milli__gt", 0),
                    ("output_milli__isnull", False),
                ), name='chat_modelprice_terms'),
            ),
            OnTables(keep_their_longest, migrations.RunPython.noop, elidable=False),
        ),
        columns_never_change("chat_generation", *GENERATION, final={"OLD.settled_at IS NOT NULL": SETTLED}),
    ]
