"""Rows of WeChat Pay: its orders, and what it told the merchant."""

from django.db import models
from django.db.models import Q

from apps.kernel.models import Row


class PaymentState(models.TextChoices):
    """trade_state of a Native order. A failed try of the payer leaves it NOTPAY."""

    NOTPAY = "NOTPAY"
    SUCCESS = "SUCCESS"
    CLOSED = "CLOSED"


class Payment(Row):
    """One order at WeChat Pay. `code` is the part of code_url that is worth knowing."""

    out_trade_no = models.CharField(max_length=32, unique=True)
    fingerprint = models.CharField(max_length=64)
    description = models.CharField(max_length=127)
    amount_fen = models.PositiveBigIntegerField()
    attach = models.CharField(max_length=128, blank=True)
    notify_url = models.CharField(max_length=255)
    code = models.CharField(max_length=40, unique=True)
    code_expires_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=PaymentState, default=PaymentState.NOTPAY)
    scanned_by = models.CharField(max_length=64, blank=True)
    transaction_id = models.CharField(max_length=32, unique=True, null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=PaymentState.values), name="sandbox_payment_state_known"),
            models.CheckConstraint(
                condition=Q(state=PaymentState.SUCCESS, paid_at__isnull=False, transaction_id__isnull=False)
                | (~Q(state=PaymentState.SUCCESS) & Q(paid_at=None, transaction_id=None)),
                name="sandbox_payment_paid_at_matches_state",
            ),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="sandbox_payment_amount_positive"),
        ]
        # The phone lists what can still be paid.
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state=PaymentState.NOTPAY), name="sandbox_payment_payable")
        ]

    def __str__(self) -> str:
        return self.out_trade_no


class NotificationState(models.TextChoices):
    """Whether the merchant has answered a notification with 200 or 204."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class Notification(Row):
    """A notification of WeChat Pay; every try carries the same `event_id` and body."""

    event_id = models.CharField(max_length=40, unique=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="+")
    # Signed by somebody who is not WeChat Pay, and therefore sent once and never repeated.
    is_forged = models.BooleanField(default=False)
    body = models.TextField()
    state = models.CharField(max_length=10, choices=NotificationState, default=NotificationState.PENDING)
    tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=NotificationState.values), name="sandbox_notification_state_known"
            ),
        ]
        # The sweep asks only for due ones.
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(state=NotificationState.PENDING), name="sandbox_notification_due"
            )
        ]

    def __str__(self) -> str:
        return self.event_id


class NotifyAttempt(Row):
    """One try to deliver a notification. No `status`: the merchant did not answer in time."""

    notification = models.ForeignKey(Notification, on_delete=models.PROTECT, related_name="attempts")
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.CharField(max_length=300, blank=True)
    milliseconds = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.status} {self.id}"
