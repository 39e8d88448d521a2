"""A price of images may ask another amount for some sizes and qualities; by which rate one was asked stays with it."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

import apps.kernel.ids
from apps.kernel.append_only import append_only, columns_never_change, keeping_triggers

GENERATION = (
    "id", "created_at", "message_id", "user_id", "model_id", "price_id", "image_rate_id", "paid_by", "free_day",
    "hold_id", "held_milli", "api_key_id", "own_key_id", "asked_tokens", "branch_tokens", "max_output_tokens",
    "is_shortened", "thinks", "searches", "images", "image_size", "image_quality",
)
# As in 0029.
SETTLED = (
    "state", "unpaid_day", "charged_milli", "is_delivered", "lease_token", "lease_until", "stop_requested_at",
    "started_at", "settled_at", "prompt_tokens", "completion_tokens", "finish_reason", "error_code", "route_id",
)
SIZES = [
    "256x256", "512x512", "1024x1024", "1024x1536", "1536x1024", "1024x1792", "1792x1024", "864x1152", "1152x864",
    "768x1344", "1344x768", "720x1440", "1440x720",
]
QUALITIES = {
    "standard": "standard quality",
    "hd": "HD",
    "low": "low quality",
    "medium": "medium quality",
    "high": "high quality",
}


class Migration(migrations.Migration):
    dependencies = [("chat", "0042_prompt_library")]

    operations = [
        migrations.CreateModel(
            name="ImageRate",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.kernel.ids.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("code", models.CharField(max_length=120, verbose_name="code")),
                (
                    "size",
                    models.CharField(choices=[(size, size) for size in SIZES], max_length=9, verbose_name="size"),
                ),
                (
                    "quality",
                    models.CharField(
                        blank=True,
                        choices=list(QUALITIES.items()),
                        default="",
                        max_length=8,
                        verbose_name="quality",
                    ),
                ),
                ("milli", models.PositiveIntegerField(verbose_name="an image (thousandths of a credit)")),
                (
                    "price",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rates",
                        to="chat.modelprice",
                        verbose_name="price",
                    ),
                ),
            ],
            options={
                "verbose_name": "rate of images",
                "verbose_name_plural": "rates of images",
                "constraints": [
                    models.UniqueConstraint(fields=("code",), name="chat_imagerate_code_once"),
                    models.UniqueConstraint(fields=("price", "size", "quality"), name="chat_imagerate_once"),
                    models.CheckConstraint(condition=Q(("size__in", SIZES)), name="chat_imagerate_size_known"),
                    models.CheckConstraint(
                        condition=Q(("quality", ""), ("quality__in", list(QUALITIES)), _connector="OR"),
                        name="chat_imagerate_quality_known",
                    ),
                    models.CheckConstraint(condition=Q(("milli__gt", 0)), name="chat_imagerate_positive"),
                ],
            },
        ),
        *keeping_triggers(
            migrations.AddField(
                "generation",
                "image_rate",
                models.ForeignKey(
                    blank=True,
                    db_index=False,
                    null=True,
                    on_delete=django.db.models.deletion.PROTECT,
                    related_name="+",
                    to="chat.imagerate",
                    verbose_name="rate of images",
                ),
            ),
        ),
        append_only("chat_imagerate"),
        columns_never_change("chat_generation", *GENERATION, final={"OLD.settled_at IS NOT NULL": SETTLED}),
    ]
