"""No account and no list entry without its person; one open account per person."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0006_person_of_every_account"),
    ]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="person",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.person", verbose_name="person"),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "closed"), _negated=True),
                fields=("person",),
                name="accounts_user_one_open_per_person",
            ),
        ),
        migrations.RemoveConstraint(model_name="listentry", name="accounts_listentry_one_open"),
        migrations.AlterField(
            model_name="listentry",
            name="person",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.person", verbose_name="person"),
        ),
        migrations.AddConstraint(
            model_name="listentry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)),
                fields=("person", "kind", "scope"),
                name="accounts_listentry_one_open",
            ),
        ),
    ]
