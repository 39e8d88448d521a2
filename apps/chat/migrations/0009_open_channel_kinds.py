"""Which kinds of channels there are is the registry's to know."""

from django.db import migrations, models
from django.db.models.functions import Lower

from apps.kernel.append_only import keeping_triggers

_is_code = ~models.Q(kind="") & models.Q(kind=Lower("kind"))


class Migration(migrations.Migration):
    dependencies = [("chat", "0008_settled_is_settled")]
    operations = keeping_triggers(
        migrations.RemoveConstraint("channel", "chat_channel_kind_known"),
        migrations.AlterField(
            "channel", "kind", models.CharField("kind", default="openai-compatible", max_length=40)
        ),
        migrations.AddConstraint("channel", models.CheckConstraint(condition=_is_code, name="chat_channel_kind_is_code")),
    )
