"""No draw and no sign-in without its person, by whom they are unique."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.kernel.append_only import append_only_again, keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("marketing", "0005_person_of_every_row")]

    operations = keeping_triggers(
        migrations.RemoveConstraint(model_name="draw", name="marketing_draw_nonce_once"),
        migrations.RemoveConstraint(model_name="signin", name="marketing_signin_once_a_day"),
        *(
            migrations.AlterField(
                model_name=model_name,
                name="person_id",
                field=models.UUIDField(editable=False, verbose_name="person"),
            )
            for model_name in ("draw", "signin")
        ),
        migrations.AlterField(
            model_name="signin",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="member",
            ),
        ),
        migrations.AddConstraint(
            model_name="draw",
            constraint=models.UniqueConstraint(
                fields=("person_id", "activity", "nonce"), name="marketing_draw_nonce_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="signin",
            constraint=models.UniqueConstraint(fields=("person_id", "local_day"), name="marketing_signin_once_a_day"),
        ),
        append_only_again("marketing_draw"),
        append_only_again("marketing_signin"),
    )
