"""Operators' words, and where they were found."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.chat.contracts import TextDirection, WordAction
from apps.chat.models.generations import Generation
from apps.kernel.models import Row


class WordSheet(models.Model):
    """Words, one to a line, under the SHA-256 of their text. Never changes: lists name the sheet that they have now,
    the audit trail those that they had.
    """

    digest = models.CharField(primary_key=True, max_length=64, editable=False)
    words = models.TextField(blank=True)

    class Meta:
        verbose_name = _("sheet of words")
        verbose_name_plural = _("sheets of words")

    def __str__(self) -> str:
        return self.digest


class WordList(Row):
    """A category of words and what happens where one is found. Of its sheets it knows the digests: they are long."""

    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("category"), max_length=64)
    action = models.CharField(_("what happens"), max_length=8, choices=WordAction)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    words_digest = models.CharField(max_length=64, editable=False)
    allowed_digest = models.CharField(max_length=64, editable=False)
    word_count = models.PositiveIntegerField(_("words"), editable=False)
    allowed_count = models.PositiveIntegerField(_("allowed words"), editable=False)
    updated_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("word list")
        verbose_name_plural = _("word lists")
        constraints = [
            models.UniqueConstraint(fields=["code"], name="chat_wordlist_code_once"),
            models.CheckConstraint(condition=Q(action__in=WordAction.values), name="chat_wordlist_action_known"),
        ]

    def __str__(self) -> str:
        return self.name


class WordHit(Row):
    """That words were found in a question or an answer, how often, and what happened; not which, and not the text."""

    # The code of a list, or who else looked at it.
    found_by = models.CharField(_("found by"), max_length=40)
    action = models.CharField(_("what happened"), max_length=8, choices=WordAction)
    direction = models.CharField(_("in"), max_length=8, choices=TextDirection)
    times = models.PositiveIntegerField(_("times"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("member"), on_delete=models.PROTECT, related_name="+"
    )
    # What was asked for, or written; a question that was refused has none.
    generation = models.ForeignKey(
        Generation, verbose_name=_("generation"), on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("hit of a word")
        verbose_name_plural = _("hits of words")
        constraints = [
            models.CheckConstraint(condition=Q(action__in=WordAction.values), name="chat_wordhit_action_known"),
            models.CheckConstraint(
                condition=Q(direction__in=TextDirection.values), name="chat_wordhit_direction_known"
            ),
            models.CheckConstraint(condition=Q(times__gt=0), name="chat_wordhit_found_something"),
        ]

    def __str__(self) -> str:
        return f"{self.found_by} {self.get_direction_display()}"
