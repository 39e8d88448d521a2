"""A channel has keys: the one that each had becomes its first."""

import apps.kernel.ids
import django.db.models.deletion
from django.db import migrations, models


def begin_keys(apps, schema_editor):
    """The first key of each channel, sealed as it was."""
    key, channel = (apps.get_model("chat", name) for name in ("ChannelKey", "Channel"))
    for row in channel.objects.order_by("pk"):
        key.objects.create(
            channel=row,
            name="main",
            api_key_sealed=row.api_key_sealed,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


def let_keys_be_checked(apps, schema_editor):
    """PostgreSQL alters no table while foreign keys wait to be checked."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0018_limits_of_the_chain'),
    ]

    operations = [
        migrations.CreateModel(
            name='ChannelKey',
            fields=[
                ('id', models.UUIDField(default=apps.kernel.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('name', models.SlugField(max_length=40, verbose_name='name')),
                ('api_key_sealed', models.TextField(editable=False)),
                ('hint', models.CharField(blank=True, max_length=8, verbose_name='ends in')),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('updated_at', models.DateTimeField(verbose_name='changed at')),
                ('sleeps_until', models.DateTimeField(blank=True, null=True, verbose_name='sleeps until')),
                ('sleep_reason', models.CharField(blank=True, max_length=40, verbose_name='why it sleeps')),
                ('channel', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='keys', to='chat.channel', verbose_name='channel')),
            ],
            options={
                'verbose_name': 'channel key',
                'verbose_name_plural': 'channel keys',
                'constraints': [models.UniqueConstraint(fields=('channel', 'name'), name='chat_channelkey_once_per_name'), models.CheckConstraint(condition=models.Q(models.Q(('sleep_reason', ''), ('sleeps_until', None)), models.Q(('sleeps_until__isnull', False), models.Q(('sleep_reason', ''), _negated=True)), _connector='OR'), name='chat_channelkey_sleeps_for_a_reason')],
            },
        ),
        migrations.RunPython(begin_keys, elidable=False),
        migrations.RunPython(let_keys_be_checked, elidable=False),
        migrations.RemoveField("channel", "api_key_sealed"),
    ]
