"""Prompts to begin with: the operators', and members' own."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.kernel.models import Row

# Of pages; "" is for all of them.
_LANGUAGES = [("", _("all")), *settings.LANGUAGES]


class Starter(Row):
    """A prompt that operators offer to whoever begins a conversation."""

    code = models.SlugField(_("code"), max_length=40)
    title = models.CharField(_("title"), max_length=60)
    text = models.TextField(_("text"))
    category = models.CharField(_("category"), max_length=24, blank=True)
    language = models.CharField(_("on pages in"), max_length=12, choices=_LANGUAGES, blank=True)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    sort = models.PositiveSmallIntegerField(_("sort order"), default=100)
    updated_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("prompt of the library")
        verbose_name_plural = _("prompt library")
        constraints = [
            models.UniqueConstraint(fields=["code"], name="chat_starter_code_once"),
            models.CheckConstraint(condition=~Q(title="") & ~Q(text=""), name="chat_starter_says_something"),
            models.CheckConstraint(
                condition=Q(language__in=[code for code, _name in _LANGUAGES]), name="chat_starter_language_known"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class OwnPrompt(Row):
    """A prompt that a member keeps: nobody else reads it. It is gone when its member deletes it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("member"),
        on_delete=models.PROTECT,
        related_name="+",
        # Of the unique key it is the first column.
        db_index=False,
    )
    # Made by the client for the act of keeping it, whose repeat finds it.
    client_id = models.CharField(max_length=64, editable=False)
    title = models.CharField(_("title"), max_length=60)
    text = models.TextField(_("text"))
    # Counts its changes.
    version = models.PositiveIntegerField(_("version"), default=1)
    updated_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("own prompt of a member")
        verbose_name_plural = _("own prompts of members")
        constraints = [
            models.UniqueConstraint(fields=["user", "client_id"], name="chat_ownprompt_client_id_once"),
            models.CheckConstraint(condition=~Q(title="") & ~Q(text=""), name="chat_ownprompt_says_something"),
            models.CheckConstraint(condition=Q(version__gt=0), name="chat_ownprompt_version_counts"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
