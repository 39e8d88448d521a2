"""What an answer cost stays, also when its text goes."""

from django.db import migrations

from apps.kernel.append_only import never_deleted


class Migration(migrations.Migration):
    dependencies = [("chat", "0001_initial"), ("kernel", "0003_rows_are_not_replaced")]
    operations = [never_deleted("chat_generation")]
