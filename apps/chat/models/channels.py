"""The upstreams that answer."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.chat.contracts import OPENAI_COMPATIBLE
from apps.chat.registries import CHANNELS
from apps.kernel.models import Row
from apps.kernel.registries import CodeField, code_constraint
from apps.kernel.sealing import SealedTextField


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
