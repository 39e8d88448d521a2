"""Attempts that failed are found without a look at all others."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0029_where_answers_are_written'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(condition=models.Q(('code__in', ('', 'stopped')), _negated=True), fields=['id'], name='chat_attempt_failed'),
        ),
    ]
