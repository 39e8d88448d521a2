"""Engineers keep routes and keys as they keep channels; auditors read all of it, and what became of attempts."""

from django.db import migrations

from apps.kernel.roles import grant

READS = ["chat.view_route", "chat.view_channelkey", "chat.view_attempt", "chat.view_routecost"]
KEPT = ["chat.add_route", "chat.change_route", "chat.add_channelkey", "chat.change_channelkey", "chat.add_routecost"]
ROLES = {"engineer": READS + KEPT, "auditor": READS, "support": ["chat.view_attempt"]}


class Migration(migrations.Migration):

    dependencies = [
        ("chat", "0025_health_of_channels"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [grant(ROLES)]
