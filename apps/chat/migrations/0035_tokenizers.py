"""Whose tokens a model's are: of models of before, what their codes say."""

from django.db import migrations, models

CHOICES = [
    ("by_code", "As its code says"),
    ("estimate", "Not known: estimated"),
    ("o200k_base", "o200k (GPT-4o and later)"),
    ("cl100k_base", "cl100k (GPT-4, GPT-3.5)"),
    ("o200k_harmony", "harmony (gpt-oss)"),
    ("qwen3.5", "Qwen 3.5"),
]


class Migration(migrations.Migration):
    dependencies = [("chat", "0034_pictures")]

    operations = [
        migrations.AddField(
            "chatmodel",
            "tokenizer",
            models.CharField(choices=CHOICES, default="by_code", max_length=16, verbose_name="tokens"),
        ),
        migrations.AddConstraint(
            "chatmodel",
            models.CheckConstraint(
                condition=models.Q(("tokenizer__in", [code for code, _ in CHOICES])),
                name="chat_chatmodel_tokenizer_known",
            ),
        ),
    ]
