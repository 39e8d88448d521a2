"""Embeddings wait in a table for whoever asked for them; a usage says how many there were."""

import django.db.models.deletion
from django.db import migrations, models

from apps.kernel.append_only import keeping_triggers


class Migration(migrations.Migration):
    dependencies = [("chat", "0038_logprobs")]

    operations = [
        *keeping_triggers(
            migrations.AddField(
                model_name="answerusage",
                name="vectors",
                field=models.PositiveSmallIntegerField(default=0, verbose_name="embeddings"),
            ),
        ),
        migrations.CreateModel(
            name="AnswerVectors",
            fields=[
                (
                    "generation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="chat.generation",
                        verbose_name="generation",
                    ),
                ),
                ("dimensions", models.PositiveIntegerField(verbose_name="dimensions")),
                ("data", models.BinaryField(verbose_name="numbers")),
                ("created_at", models.DateTimeField(db_index=True, verbose_name="made at")),
            ],
            options={
                "verbose_name": "embeddings of an answer",
                "verbose_name_plural": "embeddings of answers",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("dimensions__gt", 0)), name="chat_answervectors_have_dimensions"
                    )
                ],
            },
        ),
    ]
