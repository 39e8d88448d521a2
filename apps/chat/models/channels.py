"""The upstreams that answer, and the keys that open them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.chat.contracts import OPENAI_COMPATIBLE, BreakerState
from apps.chat.registries import CHANNELS
from apps.chat.rules import limits
from apps.chat.rules.breaker import Health
from apps.kernel.models import Row
from apps.kernel.registries import CodeField, code_constraint
from apps.kernel.sealing import SealedTextField


class Channel(Row):
    """One place upstream where models are asked, with one or several keys."""

    code = models.SlugField(_("code"), max_length=40)
    kind = CodeField(_("kind"), registry=CHANNELS, default=OPENAI_COMPATIBLE)
    base_url = models.URLField(_("base URL"), max_length=300)
    # The only proxy that calls to this channel use; those of the machine's environment are not asked.
    proxy_url = models.URLField(_("proxy"), max_length=300, blank=True)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    # Asked whatever its failures.
    is_forced = models.BooleanField(_("forced on"), default=False)
    max_running = models.PositiveSmallIntegerField(_("answers at once"), default=limits.MAX_RUNNING)
    connect_ms = models.PositiveIntegerField(_("to connect (ms)"), default=limits.CONNECT_MS)
    first_word_ms = models.PositiveIntegerField(_("to the first word (ms)"), default=limits.FIRST_WORD_MS)
    silence_ms = models.PositiveIntegerField(_("silence (ms)"), default=limits.SILENCE_MS)
    total_ms = models.PositiveIntegerField(_("in all (ms)"), default=limits.TOTAL_MS)
    updated_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        constraints = [
            models.UniqueConstraint(fields=["code"], name="chat_channel_code_once"),
            models.CheckConstraint(
                condition=Q(
                    max_running__gt=0,
                    connect_ms__gt=0,
                    first_word_ms__gt=0,
                    silence_ms__gt=0,
                    total_ms__gt=0,
                ),
                name="chat_channel_has_time",
            ),
            code_constraint("chat_channel", "kind"),
        ]

    def __str__(self) -> str:
        return self.code


class ChannelKey(Row):
    """A key of a channel: sealed and never shown again. Where there are several, they take turns.

    One that the provider refuses sleeps until a moment, and is then tried again.
    """

    channel = models.ForeignKey(Channel, verbose_name=_("channel"), on_delete=models.PROTECT, related_name="keys")
    name = models.SlugField(_("name"), max_length=40)
    # Empty when its channel has moved since: it was entered for another place.
    api_key_sealed = SealedTextField(purpose="channel_key", editable=False)
    # Its last characters, by which people tell keys apart.
    hint = models.CharField(_("ends in"), max_length=8, blank=True)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    updated_at = models.DateTimeField(_("changed at"))
    sleeps_until = models.DateTimeField(_("sleeps until"), null=True, blank=True)
    sleep_reason = models.CharField(_("why it sleeps"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("channel key")
        verbose_name_plural = _("channel keys")
        constraints = [
            models.UniqueConstraint(fields=["channel", "name"], name="chat_channelkey_once_per_name"),
            models.CheckConstraint(
                condition=Q(sleeps_until=None, sleep_reason="") | (Q(sleeps_until__isnull=False) & ~Q(sleep_reason="")),
                name="chat_channelkey_sleeps_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} …{self.hint}" if self.hint else self.name


class ChannelHealth(models.Model):
    """How a channel does, as far as anything was wrong with it: what all engines know. Without a row it is well.

    Written only when something fails or recovers, and only over what was read (by `version`).
    """

    channel = models.OneToOneField(
        Channel, verbose_name=_("channel"), on_delete=models.PROTECT, primary_key=True, related_name="health"
    )
    state = models.CharField(_("state"), max_length=9, choices=BreakerState, default=BreakerState.CLOSED)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    openings = models.PositiveIntegerField(_("times left alone"), default=0)
    failed_at = models.DateTimeField(_("failed last at"), null=True, blank=True)
    retry_at = models.DateTimeField(_("tried again at"), null=True, blank=True)
    code = models.CharField(_("failed last with"), max_length=40, blank=True)
    # Whose probe it is: a late failure of another attempt says nothing about it.
    probe_of = models.UUIDField(_("probe of generation"), null=True, blank=True)
    version = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("health of a channel")
        verbose_name_plural = _("health of channels")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=BreakerState.values), name="chat_channelhealth_state_known"),
            models.CheckConstraint(
                condition=Q(state=BreakerState.CLOSED, retry_at=None)
                | (~Q(state=BreakerState.CLOSED) & Q(retry_at__isnull=False)),
                name="chat_channelhealth_retried_unless_closed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel_id} {self.state}"

    @property
    def facts(self) -> Health:
        """For the rules."""
        return Health(
            state=BreakerState(self.state),
            failures=self.failures,
            openings=self.openings,
            failed_at=self.failed_at,
            retry_at=self.retry_at,
        )
