"""Entries of the trail have a keyed hash and a place on a chain, whose links never change; its head is never deleted."""

import django.db.models.deletion
from django.db import migrations, models

from apps.kernel.append_only import append_only, keeping_triggers, never_deleted


class Migration(migrations.Migration):

    dependencies = [
        ('kernel', '0007_deliveries_keep_their_event'),
    ]

    operations = [
        *keeping_triggers(
            migrations.AddField(
                model_name='auditentry',
                name='format',
                field=models.PositiveSmallIntegerField(default=1, verbose_name='format'),
            ),
            migrations.AddField(
                model_name='auditentry',
                name='mac',
                field=models.CharField(blank=True, max_length=64, verbose_name='keyed hash'),
            ),
        ),
        migrations.CreateModel(
            name='AuditHead',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('sequence', models.PositiveBigIntegerField()),
                ('hash', models.CharField(blank=True, max_length=64)),
                ('mac', models.CharField(max_length=64)),
            ],
            options={
                'verbose_name': 'head of the audit trail',
                'verbose_name_plural': 'heads of the audit trail',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='kernel_audithead_only_one')],
            },
        ),
        migrations.CreateModel(
            name='AuditLink',
            fields=[
                ('sequence', models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ('hash', models.CharField(max_length=64)),
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='kernel.auditentry')),
            ],
            options={
                'verbose_name': 'link of the audit trail',
                'verbose_name_plural': 'links of the audit trail',
            },
        ),
        append_only("kernel_auditlink"),
        never_deleted("kernel_audithead"),
    ]
