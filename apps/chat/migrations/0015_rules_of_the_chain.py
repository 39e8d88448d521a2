"""The rules that a question passes: what operators said of them, and what each has refused."""

import apps.kernel.ids
import django.db.models.functions.text
from django.db import migrations, models

from apps.kernel.roles import grant

ROLES = {"auditor": ["chat.view_chatrule"], "engineer": ["chat.view_chatrule", "chat.change_chatrule"]}

class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0014_versions_of_prices'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
    ]

    operations = [
        migrations.CreateModel(
            name='ChatRule',
            fields=[
                ('id', models.UUIDField(default=apps.kernel.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('code', models.CharField(max_length=40, verbose_name='rule')),
                ('is_on', models.BooleanField(default=True, verbose_name='is asked')),
                ('place', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='place')),
                ('updated_at', models.DateTimeField(verbose_name='changed at')),
            ],
            options={
                'verbose_name': 'rule of the chain',
                'verbose_name_plural': 'rules of the chain',
                'constraints': [models.UniqueConstraint(fields=('code',), name='chat_chatrule_code_once'), models.CheckConstraint(condition=models.Q(models.Q(('code', ''), _negated=True), ('code', django.db.models.functions.text.Lower('code'))), name='chat_chatrule_code_is_code')],
            },
        ),
        migrations.CreateModel(
            name='RefusalCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=40, verbose_name='rule')),
                ('day', models.DateField(verbose_name='day')),
                ('refused', models.PositiveIntegerField(verbose_name='refused')),
            ],
            options={
                'verbose_name': 'count of refusals',
                'verbose_name_plural': 'counts of refusals',
                'constraints': [models.UniqueConstraint(fields=('code', 'day'), name='chat_refusalcount_once_per_day')],
            },
        ),
        grant(ROLES),
    ]
