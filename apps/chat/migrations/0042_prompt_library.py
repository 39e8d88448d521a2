"""Prompts to begin with: the operators', and members' own."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import apps.kernel.ids
from apps.kernel.append_only import columns_never_change


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0041_images"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Starter",
            fields=[
                ("id", models.UUIDField(default=apps.kernel.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("code", models.SlugField(max_length=40, verbose_name="code")),
                ("title", models.CharField(max_length=60, verbose_name="title")),
                ("text", models.TextField(verbose_name="text")),
                ("category", models.CharField(blank=True, max_length=24, verbose_name="category")),
                ("language", models.CharField(blank=True, choices=[("", "all"), ("zh-hans", "Simplified Chinese"), ("en", "English")], max_length=12, verbose_name="on pages in")),
                ("is_enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("sort", models.PositiveSmallIntegerField(default=100, verbose_name="sort order")),
                ("updated_at", models.DateTimeField(verbose_name="changed at")),
            ],
            options={
                "verbose_name": "prompt of the library",
                "verbose_name_plural": "prompt library",
                "constraints": [
                    models.UniqueConstraint(fields=("code",), name="chat_starter_code_once"),
                    models.CheckConstraint(condition=models.Q(models.Q(("title", ""), _negated=True), models.Q(("text", ""), _negated=True)), name="chat_starter_says_something"),
                    models.CheckConstraint(condition=models.Q(("language__in", ["", "zh-hans", "en"])), name="chat_starter_language_known"),
                ],
            },
        ),
        migrations.CreateModel(
            name="OwnPrompt",
            fields=[
                ("id", models.UUIDField(default=apps.kernel.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("client_id", models.CharField(editable=False, max_length=64)),
                ("title", models.CharField(max_length=60, verbose_name="title")),
                ("text", models.TextField(verbose_name="text")),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
                ("updated_at", models.DateTimeField(verbose_name="changed at")),
                ("user", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL, verbose_name="member")),
            ],
            options={
                "verbose_name": "own prompt of a member",
                "verbose_name_plural": "own prompts of members",
                "constraints": [
                    models.UniqueConstraint(fields=("user", "client_id"), name="chat_ownprompt_client_id_once"),
                    models.CheckConstraint(condition=models.Q(models.Q(("title", ""), _negated=True), models.Q(("text", ""), _negated=True)), name="chat_ownprompt_says_something"),
                    models.CheckConstraint(condition=models.Q(("version__gt", 0)), name="chat_ownprompt_version_counts"),
                ],
            },
        ),
        columns_never_change("chat_ownprompt", "id", "created_at", "user_id", "client_id"),
    ]
