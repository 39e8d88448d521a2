"""A window begins with its first try, so a key has one; counts of windows that followed the clock may be lost."""

from django.db import migrations, models


def forget(apps, schema_editor):
    apps.get_model("kernel", "RateWindow").objects.all().delete()


class Migration(migrations.Migration):

    dependencies = [("kernel", "0009_chain_begins")]

    operations = [
        migrations.RunPython(forget, migrations.RunPython.noop, elidable=True),
        migrations.RemoveConstraint(model_name="ratewindow", name="kernel_ratewindow_once_per_window"),
        migrations.AddConstraint(
            model_name="ratewindow",
            constraint=models.UniqueConstraint(fields=("key",), name="kernel_ratewindow_once_per_key"),
        ),
    ]
