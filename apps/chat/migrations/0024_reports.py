"""What members report about answers, and who has looked at them."""

import apps.kernel.ids
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.kernel.append_only import append_only, columns_never_change, never_deleted
from apps.kernel.roles import grant

ROLES = {
    "support": ["chat.view_report", "chat.view_reveal", "chat.reveal_report", "chat.decide_report"],
    "auditor": ["chat.view_report", "chat.view_reveal"],
}


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0023_usage_of_answers'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Report',
            fields=[
                ('id', models.UUIDField(default=apps.kernel.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('reason', models.CharField(choices=[('wrong', 'Wrong or made up'), ('unhelpful', 'Does not answer the question'), ('broken', 'Broken, cut off or unreadable'), ('illegal', 'Illegal'), ('harmful', 'Harmful or dangerous'), ('private', "Shows somebody's private data"), ('rights', "Infringes somebody's rights"), ('other', 'Something else')], max_length=12, verbose_name='what is wrong')),
                ('note', models.CharField(blank=True, max_length=300, verbose_name='note')),
                ('state', models.CharField(choices=[('open', 'Waiting'), ('upheld', 'Upheld'), ('dismissed', 'Not upheld')], default='open', max_length=12, verbose_name='state')),
                ('due_at', models.DateTimeField(verbose_name='answer until')),
                ('result', models.CharField(blank=True, max_length=300, verbose_name='result')),
                ('decided_by', models.CharField(blank=True, max_length=64, verbose_name='decided by')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided at')),
                ('generation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='report', to='chat.generation', verbose_name='generation')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='member')),
            ],
            options={
                'verbose_name': 'report',
                'verbose_name_plural': 'reports',
                'permissions': [('reveal_report', 'Can read a reported answer'), ('decide_report', 'Can decide a report')],
            },
        ),
        migrations.CreateModel(
            name='Reveal',
            fields=[
                ('id', models.UUIDField(default=apps.kernel.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('by', models.CharField(max_length=64, verbose_name='looked at by')),
                ('report', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reveals', to='chat.report', verbose_name='report')),
            ],
            options={
                'verbose_name': 'look at a reported answer',
                'verbose_name_plural': 'looks at reported answers',
            },
        ),
        migrations.AddIndex(
            model_name='report',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['due_at'], name='chat_report_waiting'),
        ),
        migrations.AddConstraint(
            model_name='report',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ['wrong', 'unhelpful', 'broken', 'illegal', 'harmful', 'private', 'rights', 'other'])), name='chat_report_reason_known'),
        ),
        migrations.AddConstraint(
            model_name='report',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'upheld', 'dismissed'])), name='chat_report_state_known'),
        ),
        migrations.AddConstraint(
            model_name='report',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', ''), ('result', ''), ('state', 'open')), models.Q(('decided_at__isnull', False), ('state__in', ['upheld', 'dismissed']), models.Q(('decided_by', ''), _negated=True)), _connector='OR'), name='chat_report_decided_or_open'),
        ),
        columns_never_change(
            "chat_report",
            *("id", "user_id", "generation_id", "reason", "due_at", "created_at"),
            once=("decided_at",),
            once_text=("decided_by",),
        ),
        never_deleted("chat_report", is_upserted=True),
        append_only("chat_reveal"),
        grant(ROLES),
    ]
