"""Configuration of models and channels, conversations, and the jobs that write answers."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from apps.chat.contracts import OPENAI_COMPATIBLE, GenerationState, PaidBy, PerAnswer, PriceKind, Role
from apps.chat.registries import CHANNELS
from apps.kernel.db import Given
from apps.kernel.models import Row
from apps.kernel.registries import CodeField, code_constraint
from apps.kernel.sealing import SealedTextField

UNSETTLED = (GenerationState.QUEUED, GenerationState.RUNNING)
# What a message shows: an answer's text is its generation's.
SHOWN_TEXT = Coalesce("generation__text", "text")


class Channel(Row):
    """One upstream account. Its key is sealed and never shown again."""

    code = models.SlugField(_("code"), max_length=40)
    kind = CodeField(_("kind"), registry=CHANNELS, default=OPENAI_COMPATIBLE)
    base_url = models.URLField(_("base URL"), max_length=300)
    # The only proxy that calls to this channel use; those of the machine's environment are not asked.
    proxy_url = models.URLField(_("proxy"), max_length=300, blank=True)
    api_key_sealed = SealedTextField(purpose="channel_key", editable=False)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    updated_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        constraints = [
            models.UniqueConstraint(fields=["code"], name="chat_channel_code_once"),
            code_constraint("chat_channel", "kind"),
        ]

    def __str__(self) -> str:
        return self.code


class ModelPrice(Row):
    """A version of a model's price, which never changes; who asked at it pays it, whatever the model costs by then."""

    # The model's code, a slash and the number: it is made before its model is.
    code = models.CharField(_("code"), max_length=80)
    number = models.PositiveIntegerField(_("version"))
    kind = models.CharField(_("kind"), max_length=12, choices=PriceKind)
    answer_milli = models.PositiveIntegerField(_("price (thousandths of a credit)"))

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        constraints = [
            models.UniqueConstraint(fields=["code"], name="chat_modelprice_code_once"),
            models.CheckConstraint(condition=Q(kind__in=PriceKind.values), name="chat_modelprice_kind_known"),
            models.CheckConstraint(condition=Q(answer_milli__gt=0), name="chat_modelprice_positive"),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def terms(self) -> PerAnswer:
        """What it asks, for the rules."""
        return PerAnswer(answer_milli=self.answer_milli)


class ChatModel(Row):
    """A model that users choose by its code; the channel knows it under its upstream name."""

    code = models.CharField(_("code"), max_length=64)
    name = models.CharField(_("name"), max_length=64)
    channel = models.ForeignKey(Channel, verbose_name=_("channel"), on_delete=models.PROTECT, related_name="+")
    upstream_name = models.CharField(_("upstream name"), max_length=128)
    # The present version. Every generation names its own, so a change concerns only later ones.
    price = models.ForeignKey(
        ModelPrice, verbose_name=_("price"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
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
            models.CheckConstraint(
                condition=Q(max_output_tokens__gt=0, context_tokens__gt=F("max_output_tokens")),
                name="chat_chatmodel_output_fits_context",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def price_milli(self) -> int:
        """What an answer costs now; entries on the trail that are older than versions of prices say it, too."""
        return self.price.answer_milli

    @property
    def prompt_tokens(self) -> int:
        """How much may be asked: what the longest answer leaves of the context."""
        return self.context_tokens - self.max_output_tokens


class ChatPolicy(models.Model):
    """The one row of limits; without it, the defaults of contracts.Policy hold."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    free_per_day = models.PositiveIntegerField(_("free messages per day"))
    max_running = models.PositiveSmallIntegerField(_("answers at once"))
    max_unpaid_per_day = models.PositiveSmallIntegerField(_("answers per day at our cost"), db_default=30)
    max_message_chars = models.PositiveIntegerField(_("longest message (characters)"))
    updated_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = verbose_name_plural = _("chat limits")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="chat_chatpolicy_one_row"),
            models.CheckConstraint(condition=Q(max_running__gt=0), name="chat_chatpolicy_some_may_run"),
            models.CheckConstraint(condition=Q(max_message_chars__gt=0), name="chat_chatpolicy_some_text_fits"),
            models.CheckConstraint(condition=Q(max_unpaid_per_day__gt=0), name="chat_chatpolicy_some_may_fail"),
        ]

    def __str__(self) -> str:
        return "policy"


class LiveEntitlements(models.QuerySet["Entitlement"]):
    """Entitlements, and which of them count."""

    def live(self, now: datetime | Given) -> "LiveEntitlements":
        """Those that open their model now: the grants of a right have no gap, so one that has not ended is enough."""
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=now))


class Entitlement(Row):
    """One grant of a user's right to use a model: what gave it, for how long, and when the right ends with it.

    The grants of a right are numbered; each begins where the one before ends (rules.lengthened), for ever is for ever.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("member"), on_delete=models.PROTECT, related_name="+"
    )
    model = models.ForeignKey(ChatModel, verbose_name=_("model"), on_delete=models.PROTECT, related_name="+")
    cause_type = models.CharField(_("cause type"), max_length=64)
    cause_id = models.CharField(_("cause ID"), max_length=64)
    number = models.PositiveSmallIntegerField(_("grant number"))
    # Without days the grant is for ever; without an end the right is.
    days = models.PositiveSmallIntegerField(_("days"), null=True, blank=True)
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)

    objects = LiveEntitlements.as_manager()

    class Meta:
        verbose_name = _("entitlement")
        verbose_name_plural = _("entitlements")
        constraints = [
            models.UniqueConstraint(fields=["user", "model", "number"], name="chat_entitlement_numbered"),
            models.UniqueConstraint(
                fields=["user", "model", "cause_type", "cause_id"], name="chat_entitlement_once_per_cause"
            ),
            models.CheckConstraint(condition=Q(days__gt=0) | Q(days=None, ends_at=None), name="chat_entitlement_term"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.model_id}"


class FreeUse(models.Model):
    """How many free uses a person has taken on one local day, over all their accounts, and what else was free.

    `unpaid` counts answers that a channel worked on and nobody paid for: stopped before the first word, or empty.
    """

    person_id = models.UUIDField(editable=False)
    day = models.DateField()
    used = models.PositiveIntegerField()
    unpaid = models.PositiveIntegerField(db_default=0)

    class Meta:
        verbose_name = _("free use")
        verbose_name_plural = _("free uses")
        constraints = [
            models.UniqueConstraint(fields=["person_id", "day"], name="chat_freeuse_once_per_day"),
            models.CheckConstraint(condition=Q(used__gte=0), name="chat_freeuse_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {self.day}: {self.used}"


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
            # For pages by id: without it, an old list is looked for among everybody's rows.
            models.Index(fields=["user", "id"], condition=Q(deleted_at=None), name="chat_conversation_of_user"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Message(Row):
    """One message of a conversation: what its owner wrote, or the place where a generation's answer is shown."""

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
            models.CheckConstraint(condition=Q(role=Role.USER) | Q(text=""), name="chat_message_answers_are_generated"),
        ]
        indexes = [models.Index(fields=["conversation", "id"], name="chat_message_of_conversation")]

    def __str__(self) -> str:
        return str(self.id)


class Generation(Row):
    """The job that writes one answer: what was asked and what was written, what it may cost and what it did cost."""

    # Where it is shown, if a conversation asked.
    message = models.OneToOneField(Message, on_delete=models.PROTECT, null=True, blank=True, related_name="generation")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("member"), on_delete=models.PROTECT, related_name="+"
    )
    model = models.ForeignKey(ChatModel, verbose_name=_("model"), on_delete=models.PROTECT, related_name="+")
    state = models.CharField(_("state"), max_length=12, choices=GenerationState, default=GenerationState.QUEUED)

    # The version of its price that it was asked at.
    price = models.ForeignKey(
        ModelPrice, verbose_name=_("price"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    paid_by = models.CharField(_("paid by"), max_length=8, choices=PaidBy)
    free_day = models.DateField(_("free allowance of"), null=True, blank=True)
    # The day on which it counts as an answer that cost us something and its owner nothing.
    unpaid_day = models.DateField(_("at our cost on"), null=True, blank=True)
    hold_id = models.UUIDField(_("hold ID"), null=True, blank=True)
    # What the hold sets aside in the ledger: the most that the answer may cost, 0 without a hold.
    held_milli = models.PositiveIntegerField(_("held (thousandths of a credit)"), default=0)
    charged_milli = models.PositiveIntegerField(_("charged (thousandths of a credit)"), default=0)
    # Whether the answer had text when it was settled, and not we broke it off: what decides about the charge.
    is_delivered = models.BooleanField(_("counts as delivered"), default=False)

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

    # What is asked (rules.request_of) if no conversation did, whose branch says it; NULL, too, when it is erased.
    request = models.JSONField(null=True, blank=True)
    # What was written: it grows while the job runs, and is erased with what shows it.
    text = models.TextField(blank=True)
    # What the model thought before, as far as its provider shows it: no part of the answer.
    reasoning = models.TextField(blank=True)

    class Meta:
        verbose_name = _("generation")
        verbose_name_plural = _("generations")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=GenerationState.values), name="chat_generation_state_known"),
            models.CheckConstraint(condition=Q(paid_by__in=PaidBy.values), name="chat_generation_paid_by_known"),
            models.CheckConstraint(
                condition=Q(paid_by=PaidBy.FREE, free_day__isnull=False, hold_id=None, held_milli=0)
                | Q(paid_by=PaidBy.QUOTA, free_day=None, hold_id__isnull=False, held_milli__gt=0),
                name="chat_generation_paid_one_way",
            ),
            models.CheckConstraint(
                condition=Q(charged_milli__lte=F("held_milli")), name="chat_generation_charge_within_hold"
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
            models.CheckConstraint(
                condition=Q(message__isnull=False, request__isnull=True)
                | Q(message=None, request__isnull=False)
                | (Q(message=None) & ~Q(state__in=UNSETTLED)),
                name="chat_generation_asks_a_branch_or_a_request",
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
