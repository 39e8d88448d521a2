"""Each time that a generation was asked at a channel is a row, which never changes."""

import apps.kernel.ids
import django.db.models.deletion
from django.db import migrations, models

from apps.kernel.append_only import append_only


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0020_word_lists'),
    ]

    operations = [
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.UUIDField(default=apps.kernel.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('number', models.PositiveSmallIntegerField(verbose_name='number')),
                ('phase', models.CharField(choices=[('connect', 'Connecting'), ('first_word', 'Before the first word'), ('stream', 'Answering')], max_length=12, verbose_name='phase')),
                ('code', models.CharField(blank=True, max_length=40, verbose_name='outcome')),
                ('first_word_ms', models.PositiveIntegerField(blank=True, null=True, verbose_name='first word after (ms)')),
                ('total_ms', models.PositiveIntegerField(verbose_name='took (ms)')),
                ('generation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='attempts', to='chat.generation', verbose_name='generation')),
                ('key', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='chat.channelkey', verbose_name='channel key')),
                ('route', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='chat.route', verbose_name='route')),
            ],
            options={
                'verbose_name': 'attempt at an answer',
                'verbose_name_plural': 'attempts at answers',
                'constraints': [models.UniqueConstraint(fields=('generation', 'number'), name='chat_attempt_numbered'), models.CheckConstraint(condition=models.Q(('phase__in', ['connect', 'first_word', 'stream'])), name='chat_attempt_phase_known')],
            },
        ),
        append_only("chat_attempt"),
    ]
