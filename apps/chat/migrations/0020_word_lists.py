"""Lists of words, their sheets, and where words were found; sheets and hits never change."""

import apps.kernel.ids
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.kernel.append_only import append_only


class Migration(migrations.Migration):

    dependencies = [
        ("chat", "0019_channel_keys"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='WordSheet',
            fields=[
                ('digest', models.CharField(editable=False, max_length=64, primary_key=True, serialize=False)),
                ('words', models.TextField(blank=True)),
            ],
            options={
                'verbose_name': 'sheet of words',
                'verbose_name_plural': 'sheets of words',
            },
        ),
        migrations.CreateModel(
            name='WordList',
            fields=[
                ('id', models.UUIDField(default=apps.kernel.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('code', models.SlugField(max_length=40, verbose_name='code')),
                ('name', models.CharField(max_length=64, verbose_name='category')),
                ('action', models.CharField(choices=[('reject', 'Refuse the text'), ('mask', 'Mask'), ('flag', 'Only record')], max_length=8, verbose_name='what happens')),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('words_digest', models.CharField(editable=False, max_length=64)),
                ('allowed_digest', models.CharField(editable=False, max_length=64)),
                ('word_count', models.PositiveIntegerField(editable=False, verbose_name='words')),
                ('allowed_count', models.PositiveIntegerField(editable=False, verbose_name='allowed words')),
                ('updated_at', models.DateTimeField(verbose_name='changed at')),
            ],
            options={
                'verbose_name': 'word list',
                'verbose_name_plural': 'word lists',
                'constraints': [models.UniqueConstraint(fields=('code',), name='chat_wordlist_code_once'), models.CheckConstraint(condition=models.Q(('action__in', ['reject', 'mask', 'flag'])), name='chat_wordlist_action_known')],
            },
        ),
        migrations.CreateModel(
            name='WordHit',
            fields=[
                ('id', models.UUIDField(default=apps.kernel.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('found_by', models.CharField(max_length=40, verbose_name='found by')),
                ('action', models.CharField(choices=[('reject', 'Refuse the text'), ('mask', 'Mask'), ('flag', 'Only record')], max_length=8, verbose_name='what happened')),
                ('direction', models.CharField(choices=[('question', 'Question'), ('answer', 'Answer')], max_length=8, verbose_name='in')),
                ('times', models.PositiveIntegerField(verbose_name='times')),
                ('generation', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='chat.generation', verbose_name='generation')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='member')),
            ],
            options={
                'verbose_name': 'hit of a word',
                'verbose_name_plural': 'hits of words',
                'constraints': [models.CheckConstraint(condition=models.Q(('action__in', ['reject', 'mask', 'flag'])), name='chat_wordhit_action_known'), models.CheckConstraint(condition=models.Q(('direction__in', ['question', 'answer'])), name='chat_wordhit_direction_known'), models.CheckConstraint(condition=models.Q(('times__gt', 0)), name='chat_wordhit_found_something')],
            },
        ),
        append_only("chat_wordsheet"),
        append_only("chat_wordhit"),
    ]
