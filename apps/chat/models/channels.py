"""The upstreams that answer, and the keys that open them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.chat.contracts import OPENAI_COMPATIBLE
from apps.chat.registries import CHANNELS
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
