"""The jobs that write answers."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.chat.contracts import GenerationState, PaidBy, Price
from apps.chat.models.catalogue import ChatModel, ImageRate, ModelPrice
from apps.chat.models.conversations import Message
from apps.chat.models.routes import Route
from apps.kernel.models import Row

# What programs say and are told beside texts; only who asks for it reads it.
FOR_PROGRAMS = ("request", "options", "tool_calls", "logprobs")
UNSETTLED = (GenerationState.QUEUED, GenerationState.RUNNING)


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
    # Of images, the rate of what was asked for; NULL where its price has none for it.
    image_rate = models.ForeignKey(
        ImageRate,
        verbose_name=_("rate of images"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    paid_by = models.CharField(_("paid by"), max_length=8, choices=PaidBy)
    free_day = models.DateField(_("free allowance of"), null=True, blank=True)
    # The day on which it counts as an answer that cost us something and its owner nothing.
    unpaid_day = models.DateField(_("at our cost on"), null=True, blank=True)
    hold_id = models.UUIDField(_("hold ID"), null=True, blank=True)
    # What the hold sets aside in the ledger: the most that the answer may cost, 0 without a hold.
    held_milli = models.PositiveIntegerField(_("held (thousandths of a credit)"), default=0)
    charged_milli = models.PositiveIntegerField(_("charged (thousandths of a credit)"), default=0)
    # Our counts from when it was asked: of what is asked, which the hold was made for; of the whole branch up to the
    # question, however much of it fits the model, NULL where nobody counted its beginning.
    asked_tokens = models.PositiveIntegerField(_("asked (tokens)"), default=0)
    branch_tokens = models.PositiveIntegerField(_("branch (tokens)"), null=True, blank=True)
    # How long the answer may be; shortened where its owner could not pay for the model's longest.
    max_output_tokens = models.PositiveIntegerField(_("longest answer (tokens)"), default=0)
    # What was asked of it beside words, which has a price of its own: to think, or not to (NULL left that to the model,
    # at no price), and to search.
    thinks = models.BooleanField(_("asked to think"), null=True, blank=True)
    searches = models.BooleanField(_("asked to search"), default=False)
    # How many images were asked for, 0 for what is none, and in what size and quality; "" left that to the model.
    images = models.PositiveSmallIntegerField(_("images asked for"), default=0)
    image_size = models.CharField(_("size of the images"), max_length=16, blank=True, default="")
    image_quality = models.CharField(_("quality of the images"), max_length=16, blank=True, default="")
    is_shortened = models.BooleanField(_("shortened to what could be paid"), default=False)
    # Whether some output was kept when it was settled, and not we broke it off: what decides about the charge.
    is_delivered = models.BooleanField(_("counts as delivered"), default=False)

    # The API key that asked, if one did: what it did not spend goes back to its cap.
    api_key_id = models.UUIDField(_("API key ID"), null=True, blank=True)

    # The member's own key that it is asked with, which may be gone by now.
    own_key_id = models.UUIDField(_("own key ID"), null=True, blank=True)

    # Fencing: only the holder of the token may write, and only until the lease runs out.
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    stop_requested_at = models.DateTimeField(_("stop asked for at"), null=True, blank=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    settled_at = models.DateTimeField(_("settled at"), null=True, blank=True)

    # Where it is written, saved with its text: who settles it once its engine is gone knows no other way.
    route = models.ForeignKey(
        Route,
        verbose_name=_("route"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )

    # Its usage (rules.counted).
    prompt_tokens = models.PositiveIntegerField(_("prompt (tokens)"), default=0)
    completion_tokens = models.PositiveIntegerField(_("answer (tokens)"), default=0)
    finish_reason = models.CharField(_("finish reason"), max_length=40, blank=True)
    error_code = models.CharField(_("error code"), max_length=40, blank=True)
    # The parameter that its provider did not take, by OpenAI's name, where it named one that was sent.
    error_param = models.CharField(_("refused parameter"), max_length=40, blank=True, default="")

    # What is asked (rules.request_of) if no conversation did, whose branch says it; NULL, too, when it is erased.
    request = models.JSONField(null=True, blank=True)
    # What else the answer to it shall be like (rules.options); NULL for nothing, and erased with it.
    options = models.JSONField(null=True, blank=True)
    # What was written: it grows while the job runs, and is erased with what shows it.
    text = models.TextField(blank=True)
    # The tools that it calls, which a program then carries out (rules.tool_use); erased with the text.
    tool_calls = models.JSONField(null=True, blank=True)
    # How likely each token of the text was, for programs that asked (rules.logprobs); erased with the text.
    logprobs = models.JSONField(null=True, blank=True)
    # What the model thought before, as far as its provider shows it: no part of the answer.
    reasoning = models.TextField(blank=True)

    class Meta:
        verbose_name = _("generation")
        verbose_name_plural = _("generations")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=GenerationState.values), name="chat_generation_state_known"),
            models.CheckConstraint(condition=Q(paid_by__in=PaidBy.values), name="chat_generation_paid_by_known"),
            models.CheckConstraint(
                condition=Q(paid_by=PaidBy.FREE, free_day__isnull=False, hold_id=None, held_milli=0, own_key_id=None)
                | Q(paid_by=PaidBy.QUOTA, free_day=None, hold_id__isnull=False, held_milli__gt=0, own_key_id=None)
                | Q(
                    paid_by=PaidBy.OWN_KEY,
                    free_day=None,
                    hold_id=None,
                    held_milli=0,
                    own_key_id__isnull=False,
                    unpaid_day=None,
                ),
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
            models.CheckConstraint(
                condition=Q(options__isnull=True) | Q(request__isnull=False),
                name="chat_generation_options_of_a_request",
            ),
            # Conversations have no tools, and what was handed out counts.
            models.CheckConstraint(
                condition=Q(tool_calls__isnull=True) | Q(message=None, is_delivered=True),
                name="chat_generation_calls_are_delivered",
            ),
            models.CheckConstraint(
                condition=Q(logprobs__isnull=True) | Q(message=None, is_delivered=True),
                name="chat_generation_logprobs_are_delivered",
            ),
            models.UniqueConstraint(fields=["hold_id"], name="chat_generation_hold_once"),
        ]
        indexes = [
            # The engine and the sweeper ask only for these; the index stays small.
            models.Index(fields=["state", "id"], condition=Q(state__in=UNSETTLED), name="chat_generation_unsettled"),
            models.Index(fields=["user"], condition=Q(state__in=UNSETTLED), name="chat_generation_running_of"),
            # What a key has asked lately, and in a month.
            models.Index(
                fields=["api_key_id", "created_at"],
                condition=Q(api_key_id__isnull=False),
                name="chat_generation_of_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.get_state_display()}"

    @property
    def terms(self) -> Price:
        """What it costs by the price, and of images the rate, that it was asked at."""
        return self.price.terms_at(self.image_rate)
