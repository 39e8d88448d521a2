"""What a channel may take, and how it does: what all engines know of its failures."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("chat", "0024_reports"),
    ]

    operations = [
        migrations.CreateModel(
            name='ChannelHealth',
            fields=[
                ('channel', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='health', serialize=False, to='chat.channel', verbose_name='channel')),
                ('state', models.CharField(choices=[('closed', 'Well'), ('open', 'Left alone'), ('half_open', 'Being tried')], default='closed', max_length=9, verbose_name='state')),
                ('failures', models.PositiveIntegerField(default=0, verbose_name='failures in a row')),
                ('openings', models.PositiveIntegerField(default=0, verbose_name='times left alone')),
                ('failed_at', models.DateTimeField(blank=True, null=True, verbose_name='failed last at')),
                ('retry_at', models.DateTimeField(blank=True, null=True, verbose_name='tried again at')),
                ('code', models.CharField(blank=True, max_length=40, verbose_name='failed last with')),
                ('probe_of', models.UUIDField(blank=True, null=True, verbose_name='probe of generation')),
                ('version', models.PositiveIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'health of a channel',
                'verbose_name_plural': 'health of channels',
            },
        ),
        migrations.AddField(
            model_name='channel',
            name='connect_ms',
            field=models.PositiveIntegerField(default=5000, verbose_name='to connect (ms)'),
        ),
        migrations.AddField(
            model_name='channel',
            name='first_word_ms',
            field=models.PositiveIntegerField(default=120000, verbose_name='to the first word (ms)'),
        ),
        migrations.AddField(
            model_name='channel',
            name='is_forced',
            field=models.BooleanField(default=False, verbose_name='forced on'),
        ),
        migrations.AddField(
            model_name='channel',
            name='max_running',
            field=models.PositiveSmallIntegerField(default=80, verbose_name='answers at once'),
        ),
        migrations.AddField(
            model_name='channel',
            name='silence_ms',
            field=models.PositiveIntegerField(default=60000, verbose_name='silence (ms)'),
        ),
        migrations.AddField(
            model_name='channel',
            name='total_ms',
            field=models.PositiveIntegerField(default=600000, verbose_name='in all (ms)'),
        ),
        migrations.AddConstraint(
            model_name='channel',
            constraint=models.CheckConstraint(condition=models.Q(('connect_ms__gt', 0), ('first_word_ms__gt', 0), ('max_running__gt', 0), ('silence_ms__gt', 0), ('total_ms__gt', 0)), name='chat_channel_has_time'),
        ),
        migrations.AddConstraint(
            model_name='channelhealth',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['closed', 'open', 'half_open'])), name='chat_channelhealth_state_known'),
        ),
        migrations.AddConstraint(
            model_name='channelhealth',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('retry_at', None), ('state', 'closed')), models.Q(models.Q(('state', 'closed'), _negated=True), ('retry_at__isnull', False)), _connector='OR'), name='chat_channelhealth_retried_unless_closed'),
        ),
    ]
