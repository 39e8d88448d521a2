"""What a model thinks before it answers is kept beside the answer."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0006_unpaid_answers'),
    ]

    operations = [
        migrations.CreateModel(
            name='Reasoning',
            fields=[
                ('message', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='reasoning', serialize=False, to='chat.message')),
                ('text', models.TextField()),
            ],
            options={
                'verbose_name': 'reasoning',
                'verbose_name_plural': 'reasoning',
            },
        ),
    ]
