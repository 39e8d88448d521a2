"""What each settled answer took, and what it cost its owner and us; what a route costs us is a versioned row."""

import django.db.models.deletion
from django.db import migrations, models

import apps.kernel.ids
from apps.kernel.append_only import OnTables, append_only
from apps.kernel.roles import grant

READS = ["chat.view_answerusage"]
ROLES = {"auditor": READS, "engineer": READS}
# Answers of before: nobody kept where they were asked, nor how much of their output we counted.
OF_BEFORE = """
INSERT INTO chat_answerusage (
    generation_id, created_at, model_id, price_id, input_tokens, cached_tokens, output_tokens, reasoning_tokens,
    kept_tokens, basis, charged_milli, absorbed_milli
)
SELECT id, settled_at, model_id, price_id, prompt_tokens, 0, completion_tokens, 0,
    CASE WHEN is_delivered AND completion_tokens = 0 THEN 1 ELSE completion_tokens END, 'counted', charged_milli, 0
FROM chat_generation WHERE settled_at IS NOT NULL
"""


def begin(apps, schema_editor):
    schema_editor.execute(OF_BEFORE)
    if schema_editor.connection.vendor == "postgresql":
        # No trigger is made while keys wait to be checked.
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0022_roles_of_words"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.CreateModel(
            name='RouteCost',
            fields=[
                ('id', models.UUIDField(default=apps.kernel.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('code', models.CharField(max_length=120, verbose_name='code')),
                ('number', models.PositiveIntegerField(verbose_name='version')),
                ('input_microyuan', models.PositiveIntegerField(verbose_name='a thousand tokens of input (millionths of a yuan)')),
                ('cached_microyuan', models.PositiveIntegerField(verbose_name='a thousand cached tokens of input (millionths of a yuan)')),
                ('output_microyuan', models.PositiveIntegerField(verbose_name='a thousand tokens of output (millionths of a yuan)')),
                ('route', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='chat.route', verbose_name='route')),
            ],
            options={
                'verbose_name': 'cost of a route',
                'verbose_name_plural': 'costs of routes',
            },
        ),
        migrations.CreateModel(
            name='AnswerUsage',
            fields=[
                ('generation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='usage', serialize=False, to='chat.generation', verbose_name='generation')),
                ('created_at', models.DateTimeField(verbose_name='settled at')),
                ('input_tokens', models.PositiveIntegerField(verbose_name='input (tokens)')),
                ('cached_tokens', models.PositiveIntegerField(verbose_name='of it cached (tokens)')),
                ('output_tokens', models.PositiveIntegerField(verbose_name='output (tokens)')),
                ('reasoning_tokens', models.PositiveIntegerField(verbose_name='of it thoughts (tokens)')),
                ('kept_tokens', models.PositiveIntegerField(verbose_name='kept by our count (tokens)')),
                ('basis', models.CharField(choices=[('reported', "The provider's counts"), ('counted', 'Our counts'), ('doubted', 'Our counts, its own cannot be true')], max_length=8, verbose_name='counted by')),
                ('charged_milli', models.PositiveIntegerField(verbose_name='charged (thousandths of a credit)')),
                ('absorbed_milli', models.BigIntegerField(verbose_name='beyond the hold (thousandths of a credit)')),
                ('cost_microyuan', models.BigIntegerField(blank=True, null=True, verbose_name='our cost (millionths of a yuan)')),
                ('first_output_ms', models.PositiveIntegerField(blank=True, null=True, verbose_name='first output after (ms)')),
                ('latency_ms', models.PositiveIntegerField(blank=True, null=True, verbose_name='took (ms)')),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='chat.chatmodel', verbose_name='model')),
                ('price', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='chat.modelprice', verbose_name='price')),
                ('route', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='chat.route', verbose_name='route')),
                ('cost', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='chat.routecost', verbose_name='cost of the route')),
            ],
            options={
                'verbose_name': 'usage of an answer',
                'verbose_name_plural': 'usage of answers',
            },
        ),
        migrations.AddConstraint(
            model_name='routecost',
            constraint=models.UniqueConstraint(fields=('code',), name='chat_routecost_code_once'),
        ),
        migrations.AddConstraint(
            model_name='routecost',
            constraint=models.UniqueConstraint(fields=('route', 'number'), name='chat_routecost_numbered'),
        ),
        migrations.AddConstraint(
            model_name='answerusage',
            constraint=models.CheckConstraint(condition=models.Q(('basis__in', ['reported', 'counted', 'doubted'])), name='chat_answerusage_basis_known'),
        ),
        migrations.AddConstraint(
            model_name='answerusage',
            constraint=models.CheckConstraint(condition=models.Q(('cached_tokens__lte', models.F('input_tokens')), ('reasoning_tokens__lte', models.F('output_tokens'))), name='chat_answerusage_parts_of_wholes'),
        ),
        migrations.AddConstraint(
            model_name='answerusage',
            constraint=models.CheckConstraint(condition=models.Q(('absorbed_milli', 0), models.Q(('absorbed_milli__gt', 0), ('charged_milli__gt', 0)), _connector='OR'), name='chat_answerusage_absorbs_beyond_the_hold'),
        ),
        migrations.AddConstraint(
            model_name='answerusage',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('cost', None), ('cost_microyuan', None)), models.Q(('cost__isnull', False), ('cost_microyuan__gte', 0), ('cost_microyuan__isnull', False), ('route__isnull', False)), _connector='OR'), name='chat_answerusage_cost_has_version'),
        ),
        migrations.AlterField(
            "generation",
            "branch_tokens",
            models.PositiveIntegerField(blank=True, null=True, verbose_name="branch (tokens)"),
        ),
        OnTables(begin, migrations.RunPython.noop, elidable=False),
        append_only("chat_routecost"),
        append_only("chat_answerusage"),
        grant(ROLES),
    ]
