"""What an order offers and what a payment paid stays as it was written; states, checks and refunds go on.

A payment's payer_hash is erased when its member leaves.
"""

from django.db import migrations, models

from apps.kernel.append_only import columns_never_change

ORDER = (
    "id", "created_at", "user_id", "product_id", "gateway", "title", "amount_fen", "currency", "quota_milli",
    "entitlements", "merchant_id", "app_id", "out_trade_no", "request_id", "expires_at",
)
PAYMENT = (
    "id", "created_at", "order_id", "user_id", "gateway", "transaction_id", "standing", "merchant_id", "app_id",
    "amount_fen", "currency", "event_id", "paid_at",
)
NOTIFICATION = ("id", "created_at", "gateway", "event_id", "body_sha256")


class Migration(migrations.Migration):

    dependencies = [
        ("orders", "0003_rows_are_not_replaced"),
        ("kernel", "0006_proposals_are_not_replaced"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                fields=["order"], condition=models.Q(refunded_fen__gt=0), name="orders_payment_refunded"
            ),
        ),
        columns_never_change(
            "orders_order", *ORDER, once=("paid_at", "delivered_at", "closed_at"), once_text=("pay_content",)
        ),
        columns_never_change("orders_payment", *PAYMENT),
        columns_never_change("orders_notification", *NOTIFICATION, once=("order_id",)),
    ]
