"""A member's place in an activity is called a seat; its table keeps the name that it has."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("marketing", "0012_open_behaviours")]
    operations = [
        migrations.AlterModelTable("participation", "marketing_participation"),
        migrations.RenameModel("Participation", "Seat"),
        migrations.AlterModelOptions("seat", {"verbose_name": "seat", "verbose_name_plural": "seats"}),
    ]
