"""Editors write the lists of words, supporters see where they were found, auditors see both."""

from django.db import migrations

from apps.kernel.roles import grant

ROLES = {
    "editor": ["chat.view_wordlist", "chat.add_wordlist", "chat.change_wordlist"],
    "support": ["chat.view_wordhit"],
    "auditor": ["chat.view_wordlist", "chat.view_wordhit"],
}


class Migration(migrations.Migration):

    dependencies = [
        ("chat", "0021_attempts"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [grant(ROLES)]
