"""Members' own keys of providers."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.chat.registries import CHANNELS
from apps.kernel.models import Row
from apps.kernel.registries import CodeField, code_constraint
from apps.kernel.sealing import SealedTextField


class OwnKey(Row):
    """A member's key for one kind of channel: sealed and never shown again. It is gone when its member deletes it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("member"),
        on_delete=models.PROTECT,
        related_name="+",
        # Of the unique key it is the first column.
        db_index=False,
    )
    kind = CodeField(_("kind"), registry=CHANNELS)
    api_key_sealed = SealedTextField(purpose="own_key", editable=False)
    # Its last characters, by which its owner knows it.
    hint = models.CharField(_("ends in"), max_length=8, blank=True)
    # Where it is asked; empty for where all of its kind are.
    base_url = models.CharField(_("base URL"), max_length=300, blank=True)
    # Whether its owner wants it used.
    is_enabled = models.BooleanField(_("enabled"), default=True)
    updated_at = models.DateTimeField(_("changed at"))
    # What its last test showed: our code for what went wrong, or "".
    tested_at = models.DateTimeField(_("tested at"), null=True, blank=True)
    test_code = models.CharField(_("test showed"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("own key of a member")
        verbose_name_plural = _("own keys of members")
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], name="chat_ownkey_once_per_kind"),
            models.CheckConstraint(condition=~Q(api_key_sealed=""), name="chat_ownkey_is_entered"),
            models.CheckConstraint(
                condition=Q(tested_at__isnull=False) | Q(test_code=""), name="chat_ownkey_tested_when_it_says_so"
            ),
            code_constraint("chat_ownkey", "kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} …{self.hint}" if self.hint else self.kind
