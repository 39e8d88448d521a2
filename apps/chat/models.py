"""Configuration of models and channels, conversations, and the jobs that write answers."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.chat.contracts import ChannelKind, GenerationState, PaidBy, Role
from apps.kernel.models import Row

UNSETTLED = (GenerationState.QUEUED, GenerationState.RUNNING)


class Channel(Row):
    """One upstream account. Its key is encrypted with a key derived from SECRET_KEY and is never shown again."""

    code = models.SlugField(_("code"), max_length=40)
    kind = models.CharField(_("kind"), max_length=24, choices=ChannelKind, default=ChannelKind.OPENAI_COMPATIBLE)
    base_url = models.URLField(_("base URL"), max_length=300)
    api_key_sealed = models.TextField(editable=False)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    updated_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        constraints = [
            models.UniqueConstraint(fields=["code"], name="chat_channel_code_once"),
            models.CheckConstraint(condition=Q(kind__in=ChannelKind.values), name="chat_channel_kind_known"),
        ]

    def __str__(self) -> str:
        return self.code


class ChatModel(Row):
    """A model that users choose by its code; the channel knows it under its upstream name."""

    code = models.CharField(_("code"), max_length=64)
    name = models.CharField(_("name"), max_length=64)
    channel = models.ForeignKey(Channel, verbose_name=_("channel"), on_delete=models.PROTECT, related_name="+")
    upstream_name = models.CharField(_("upstream name"), max_length=128)
    # Flat, per answer. Every generation keeps a snapshot, so a change concerns only later ones.
    price_milli = models.PositiveIntegerField(_("price (thousandths of a credit)"))
    context_tokens = models.PositiveIntegerField(_("context (tokens)"), default=16_000)
    max_output_tokens = models.PositiveIntegerField(_("longest answer (tokens)"), default=2_000)
    is_in_free_allowance = models.BooleanField(_("in the free allowance"), default=True)
    needs_entitlement = models.BooleanField(_("needs an entitlement"), default=False)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    sort = models.PositiveSmallIntegerField(_("sort order"), default=100)
    updated_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("model")
        verbose_name_plural = _("models")
        constraints = [
            models.UniqueConstraint(fields=["code"], name="chat_chatmodel_code_once"),
            models.CheckConstraint(condition=Q(price_milli__gt=0), name="chat_chatmodel_price_positive"),
            models.CheckConstraint(
                condition=Q(max_output_tokens__gt=0, context_tokens__gt=F("max_output_tokens")),
                name="chat_chatmodel_output_fits_context",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ChatPolicy(models.Model):
    """The one row of limits; without it, the defaults of contracts.Policy hold."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    free_per_day = models.PositiveIntegerField(_("free messages per day"))
    max_running = models.PositiveSmallIntegerField(_("answers at once"))
    max_message_chars = models.PositiveIntegerField(_("longest message (characters)"))
    updated_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = verbose_name_plural = _("chat limits")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="chat_chatpolicy_one_row"),
            models.CheckConstraint(condition=Q(max_running__gt=0), name="chat_chatpolicy_some_may_run"),
            models.CheckConstraint(condition=Q(max_message_chars__gt=0), name="chat_chatpolicy_some_text_fits"),
        ]

    def __str__(self) -> str:
        return "policy"


class Entitlement(Row):
    """A user's right to use a model, and what gave it first."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("member"), on_delete=models.PROTECT, related_name="+"
    )
    model = models.ForeignKey(ChatModel, verbose_name=_("model"), on_delete=models.PROTECT, related_name="+")
    cause_type = models.CharField(_("cause type"), max_length=64)
    cause_id = models.CharField(_("cause ID"), max_length=64)

    class Meta:
        verbose_name = _("entitlement")
        verbose_name_plural = _("entitlements")
        constraints = [
            models.UniqueConstraint(fields=["user", "model"], name="chat_entitlement_once_per_model"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.model_id}"


class FreeUse(models.Model):
    """How many free uses a user has taken on one local day."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    used = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("free use")
        verbose_name_plural = _("free uses")
        constraints = [
            models.UniqueConstraint(fields=["user", "day"], name="chat_freeuse_once_per_day"),
            models.CheckConstraint(condition=Q(used__gte=0), name="chat_freeuse_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.day}: {self.used}"


class Conversation(Row):
    """A tree of messages; `head` is the leaf of the branch that its owner looks at.

    A deleted conversation keeps its rows, because money points at them, but no text.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("member"), on_delete=models.PROTECT, related_name="+"
    )
    title = models.CharField(max_length=80, blank=True)
    head = models.ForeignKey("Message", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    updated_at = models.DateTimeField(_("changed at"))
    archived_at = models.DateTimeField(_("archived at"), null=True, blank=True)
    deleted_at = models.DateTimeField(_("deleted at"), null=True, blank=True)

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        indexes = [
            models.Index(
                fields=["user", "-updated_at"],
                condition=Q(deleted_at=None),
                name="chat_conversation_list",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Message(Row):
    """One message of a conversation. An assistant's grows while its generation runs and is final afterwards."""

    conversation = models.ForeignKey(Conversation, on_delete=models.PROTECT, related_name="messages")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    role = models.CharField(max_length=10, choices=Role)
    text = models.TextField(blank=True)
    # Made by the client for each act of sending; on the message that the act created first.
    client_id = models.CharField(max_length=64, null=True, blank=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(fields=["user", "client_id"], name="chat_message_client_id_once"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="chat_message_role_known"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Generation(Row):
    """The job that writes one answer, what it may cost, and what it did cost."""

    message = models.OneToOneField(Message, on_delete=models.PROTECT, related_name="generation")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("member"), on_delete=models.PROTECT, related_name="+"
    )
    model = models.ForeignKey(ChatModel, verbose_name=_("model"), on_delete=models.PROTECT, related_name="+")
    state = models.CharField(_("state"), max_length=12, choices=GenerationState, default=GenerationState.QUEUED)

    price_milli = models.PositiveIntegerField(_("price (thousandths of a credit)"))
    paid_by = models.CharField(_("paid by"), max_length=8, choices=PaidBy)
    free_day = models.DateField(_("free allowance of"), null=True, blank=True)
    hold_id = models.UUIDField(_("hold ID"), null=True, blank=True)
    charged_milli = models.PositiveIntegerField(_("charged (thousandths of a credit)"), default=0)
    # Whether the answer had any text when it was settled: what decides about the charge.
    is_delivered = models.BooleanField(_("has an answer"), default=False)

    # The API key that asked, if one did: what it did not spend goes back to its cap.
    api_key_id = models.UUIDField(_("API key ID"), null=True, blank=True)

    # Fencing: only the holder of the token may write, and only until the lease runs out.
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    stop_requested_at = models.DateTimeField(_("stop asked for at"), null=True, blank=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    settled_at = models.DateTimeField(_("settled at"), null=True, blank=True)

    prompt_tokens = models.PositiveIntegerField(_("prompt (tokens)"), default=0)
    completion_tokens = models.PositiveIntegerField(_("answer (tokens)"), default=0)
    finish_reason = models.CharField(_("finish reason"), max_length=40, blank=True)
    error_code = models.CharField(_("error code"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("generation")
        verbose_name_plural = _("generations")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=GenerationState.values), name="chat_generation_state_known"),
            models.CheckConstraint(condition=Q(paid_by__in=PaidBy.values), name="chat_generation_paid_by_known"),
            models.CheckConstraint(
                condition=Q(paid_by=PaidBy.FREE, free_day__isnull=False, hold_id=None)
                | Q(paid_by=PaidBy.QUOTA, free_day=None, hold_id__isnull=False),
                name="chat_generation_paid_one_way",
            ),
            models.CheckConstraint(
                condition=Q(paid_by=PaidBy.QUOTA, charged_milli__lte=F("price_milli")) | Q(charged_milli=0),
                name="chat_generation_charge_within_price",
            ),
            models.CheckConstraint(
                condition=Q(state=GenerationState.RUNNING, lease_token__isnull=False, lease_until__isnull=False)
                | (~Q(state=GenerationState.RUNNING) & Q(lease_until=None)),
                name="chat_generation_lease_while_running",
            ),
            models.CheckConstraint(
                condition=Q(state__in=UNSETTLED, settled_at=None, charged_milli=0, is_delivered=False)
                | (~Q(state__in=UNSETTLED) & Q(settled_at__isnull=False)),
                name="chat_generation_settled_when_final",
            ),
            models.CheckConstraint(
                condition=Q(is_delivered=True) | Q(charged_milli=0),
                name="chat_generation_charge_needs_delivery",
            ),
            models.UniqueConstraint(fields=["hold_id"], name="chat_generation_hold_once"),
        ]
        indexes = [
            # The engine and the sweeper ask only for these; the index stays small.
            models.Index(fields=["state", "id"], condition=Q(state__in=UNSETTLED), name="chat_generation_unsettled"),
            models.Index(fields=["user"], condition=Q(state__in=UNSETTLED), name="chat_generation_running_of"),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.state}"
