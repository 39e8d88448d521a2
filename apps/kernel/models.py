"""Rows of the kernel, and the base that the apps' rows share."""

from django.db import models
from django.db.models import F, Q
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
            # Delivered rows, the many, stay out of it. By queue: who claims of one does not read what waits in another.
            models.Index(
                fields=["queue", "available_at"],
                condition=Q(state=DeliveryState.PENDING),
                name="kernel_outbox_due_by_queue",
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
    # Which columns the keyed hash is over (audit_chain.py); entries of the time before the chain have no hash.
    format = models.PositiveSmallIntegerField(_("format"), default=1)
    mac = models.CharField(_("keyed hash"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes = [models.Index(fields=["target_type", "target_id", "id"], name="kernel_auditentry_by_target")]

    def __str__(self) -> str:
        return f"{self.action} {self.target_type} {self.target_id}"


class AuditLink(models.Model):
    """The place of an entry on the trail's chain: `hash` is over the entry and all before it. Rows never change."""

    sequence = models.PositiveBigIntegerField(primary_key=True)
    entry = models.OneToOneField(AuditEntry, on_delete=models.PROTECT, related_name="+")
    hash = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("link of the audit trail")
        verbose_name_plural = _("links of the audit trail")

    def __str__(self) -> str:
        return f"{self.sequence} {self.hash}"


class AuditHead(models.Model):
    """Where the trail's chain ends, vouched for by a key of the site; whoever links an entry holds its only row."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)
    sequence = models.PositiveBigIntegerField()
    hash = models.CharField(max_length=64, blank=True)
    mac = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("head of the audit trail")
        verbose_name_plural = _("heads of the audit trail")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="kernel_audithead_only_one")]

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"


class ProposalState(models.TextChoices):
    """Where a proposal stands."""

    OPEN = "open", _("Waiting for a second person")
    CARRIED_OUT = "done", _("Carried out")
    REJECTED = "rejected", _("Rejected")
    EXPIRED = "expired", _("Expired")


class Proposal(Row):
    """What one operator wants done and another has to approve; what it says never changes (trigger)."""

    action = models.CharField(_("action"), max_length=80)
    content = models.JSONField(_("content"))
    content_hash = models.CharField(_("content hash"), max_length=64)
    proposed_by = models.CharField(_("proposed by"), max_length=80)
    reason = models.CharField(_("reason"), max_length=300)
    expires_at = models.DateTimeField(_("expires at"))
    state = models.CharField(_("state"), max_length=8, choices=ProposalState, default=ProposalState.OPEN)
    decided_by = models.CharField(_("decided by"), max_length=80, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)

    class Meta:
        verbose_name = _("proposal")
        verbose_name_plural = _("proposals")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ProposalState.values), name="kernel_proposal_state_known"),
            models.CheckConstraint(
                condition=Q(state=ProposalState.OPEN, decided_at=None)
                | (~Q(state=ProposalState.OPEN) & Q(decided_at__isnull=False)),
                name="kernel_proposal_decided_at_matches_state",
            ),
            models.CheckConstraint(
                condition=~Q(state=ProposalState.CARRIED_OUT) | (~Q(decided_by="") & ~Q(decided_by=F("proposed_by"))),
                name="kernel_proposal_carried_out_by_another",
            ),
            # The same form sent twice is one proposal.
            models.UniqueConstraint(
                fields=["action", "content_hash"],
                condition=Q(state=ProposalState.OPEN),
                name="kernel_proposal_one_open",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"], condition=Q(state=ProposalState.OPEN), name="kernel_proposal_open_by_end"
            )
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.id}"


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
    """How often something was tried since its window was opened."""

    key = models.CharField(max_length=160)
    window_start = models.DateTimeField()
    hits = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("rate window")
        verbose_name_plural = _("rate windows")
        constraints = [
            models.UniqueConstraint(fields=["key"], name="kernel_ratewindow_once_per_key"),
        ]
        indexes = [models.Index(fields=["window_start"], name="kernel_ratewindow_by_age")]

    def __str__(self) -> str:
        return f"{self.key} {self.hits}"


class CheckRun(models.Model):
    """How one check of the audit last ended, and up to when its rows were found sound."""

    name = models.CharField(_("check"), max_length=160, primary_key=True)
    number = models.CharField(_("number"), max_length=20)
    ran_at = models.DateTimeField(_("last run at"))
    breaches = models.PositiveIntegerField(_("breaches"), default=0)
    full_ran_at = models.DateTimeField(_("last full run at"), null=True, blank=True)
    full_breaches = models.PositiveIntegerField(_("breaches of the full run"), default=0)
    sound_until = models.DateTimeField(_("sound until"), null=True, blank=True)

    class Meta:
        verbose_name = _("audit check")
        verbose_name_plural = _("audit checks")

    def __str__(self) -> str:
        return self.number
