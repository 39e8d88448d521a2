"""How many messages a minute, and networks that are held back."""

import apps.kernel.ids
from django.db import migrations, models

from apps.kernel.roles import grant

ROLES = {
    "auditor": ["chat.view_blockednetwork"],
    "support": ["chat.view_blockednetwork", "chat.add_blockednetwork", "chat.change_blockednetwork"],
    "engineer": ["chat.view_blockednetwork", "chat.add_blockednetwork", "chat.change_blockednetwork"],
}


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0017_prices_by_the_token'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
    ]

    operations = [
        migrations.CreateModel(
            name='BlockedNetwork',
            fields=[
                ('id', models.UUIDField(default=apps.kernel.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('network', models.CharField(max_length=43, verbose_name='network')),
                ('note', models.CharField(blank=True, max_length=80, verbose_name='whose it is')),
                ('is_enabled', models.BooleanField(default=True, verbose_name='held back')),
                ('updated_at', models.DateTimeField(verbose_name='changed at')),
            ],
            options={
                'verbose_name': 'blocked network',
                'verbose_name_plural': 'blocked networks',
            },
        ),
        migrations.AddField(
            model_name='chatpolicy',
            name='max_per_minute',
            field=models.PositiveSmallIntegerField(db_default=60, verbose_name='messages per minute'),
        ),
        migrations.AddConstraint(
            model_name='chatpolicy',
            constraint=models.CheckConstraint(condition=models.Q(('max_per_minute__gt', 0)), name='chat_chatpolicy_some_may_ask'),
        ),
        migrations.AddConstraint(
            model_name='blockednetwork',
            constraint=models.UniqueConstraint(fields=('network',), name='chat_blockednetwork_once'),
        ),
        grant(ROLES),
    ]
