"""Rows of the kernel, and the base that the apps' rows share."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.kernel.ids import new_id


class Row(models.Model):
    """A row with a UUIDv7 key. `created_at` is set by the service from its `now`, never by the database."""

    id = models.UUIDField(_("ID"), primary_key=True, default=new_id, editable=False)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        abstract = True


class OutboxEvent(Row):
    """A fact that was published; written in the transaction that made it true, never changed."""

    topic = models.CharField(_("topic"), max_length=80)
    payload = models.JSONField(_("content"))

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return f"{self.topic} {self.id}"


class DeliveryState(models.TextChoices):
    """Where one handler's work on one event stands."""

    PENDING = "pending", _("Pending")
    DONE = "done", _("Done")
    DEAD = "dead", _("Given up")


class OutboxDelivery(Row):
    """One handler's work on one event: claimed by lease, finished by token, done once."""

    event = models.ForeignKey(OutboxEvent, verbose_name=_("event"), on_delete=models.PROTECT, related_name="+")
    handler = models.CharField(_("handler"), max_length=120)
    queue = models.CharField(_("queue"), max_length=40)
    state = models.CharField(_("state"), max_length=8, choices=DeliveryState, default=DeliveryState.PENDING)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    available_at = models.DateTimeField(_("next attempt at"))
    lease_token = models.UUIDField(_("lease token"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    last_error = models.CharField(_("last error"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("event delivery")
        verbose_name_plural = _("event deliveries")
        permissions = [("replay_outboxdelivery", "Can replay dead outbox deliveries")]
        constraints = [
            models.UniqueConstraint(fields=["event", "handler"], name="kernel_outboxdelivery_once_per_handler"),
            models.CheckConstraint(
                condition=Q(state__in=DeliveryState.values), name="kernel_outboxdelivery_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state=DeliveryState.DONE, finished_at__isnull=False)
                | (~Q(state=DeliveryState.DONE) & Q(finished_at=None)),
                name="kernel_outboxdelivery_finished_at_matches_state",
            ),
        ]
        indexes = [
            # The sweep asks only for due work; delivered rows, the many, stay out of the index.
            models.Index(
                fields=["available_at"],
                condition=Q(state=DeliveryState.PENDING),
                name="kernel_outboxdelivery_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.handler} {self.state}"


class IdempotencyKey(Row):
    """The first answer to a request that moves something, replayed to its repeats."""

    scope = models.CharField(max_length=80)
    key = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    locked_until = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    body = models.JSONField(null=True, blank=True)

    class Meta:
        verbose_name = _("answered request")
        verbose_name_plural = _("answered requests")
        constraints = [
            models.UniqueConstraint(fields=["scope", "key"], name="kernel_idempotencykey_once_per_scope"),
        ]
        indexes = [
            # Old answers are pruned by age.
            models.Index(fields=["created_at"], name="kernel_idempotencykey_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"


class AuditEntry(Row):
    """Who changed money, odds, stock or rights, when and why. Rows never change (trigger)."""

    actor = models.CharField(_("actor"), max_length=80)
    action = models.CharField(_("action"), max_length=80)
    target_type = models.CharField(_("target type"), max_length=60)
    target_id = models.CharField(_("target ID"), max_length=80)
    reason = models.CharField(_("reason"), max_length=300)
    before = models.JSONField(_("before"), null=True, blank=True)
    after = models.JSONField(_("after"), null=True, blank=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes = [models.Index(fields=["target_type", "target_id", "id"], name="kernel_auditentry_by_target")]

    def __str__(self) -> str:
        return f"{self.action} {self.target_type} {self.target_id}"


class Switch(models.Model):
    """An operator's override of a declared switch; without a row the switch is on."""

    name = models.CharField(_("name"), max_length=80, primary_key=True)
    is_on = models.BooleanField(_("on"))
    updated_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("switch")
        verbose_name_plural = _("switches")
        permissions = [("flip_switch", "Can flip switches")]

    def __str__(self) -> str:
        return f"{self.name} {'on' if self.is_on else 'off'}"


class RateWindow(models.Model):
    """How often something was tried in one fixed window of time."""

    key = models.CharField(max_length=160)
    window_start = models.DateTimeField()
    hits = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("rate window")
        verbose_name_plural = _("rate windows")
        constraints = [
            models.UniqueConstraint(fields=["key", "window_start"], name="kernel_ratewindow_once_per_window"),
        ]
        indexes = [models.Index(fields=["window_start"], name="kernel_ratewindow_by_age")]

    def __str__(self) -> str:
        return f"{self.key} {self.hits}"
