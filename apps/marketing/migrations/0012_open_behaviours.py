"""Which behaviours rules reward is the registry's to know."""

from django.db import migrations, models
from django.db.models.functions import Lower

from apps.kernel.append_only import keeping_triggers

_is_code = ~models.Q(behaviour="") & models.Q(behaviour=Lower("behaviour"))


class Migration(migrations.Migration):
    dependencies = [("marketing", "0011_open_kinds")]
    operations = keeping_triggers(
        migrations.RemoveConstraint("rebaterule", "marketing_rebaterule_behaviour_known"),
        migrations.AlterField("rebaterule", "behaviour", models.CharField("behaviour", max_length=40)),
        migrations.AddConstraint(
            "rebaterule",
            models.CheckConstraint(condition=_is_code, name="marketing_rebaterule_behaviour_is_code"),
        ),
    )
