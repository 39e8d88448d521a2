"""Conversations and their messages."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from apps.chat.contracts import WRITERS, Role
from apps.kernel.models import Row

# What a message shows: an answer's text is its generation's.
SHOWN_TEXT = Coalesce("generation__text", "text")


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
    role = models.CharField(max_length=10, choices=[(role.value, role.label) for role in WRITERS])
    text = models.TextField(blank=True)
    # The pictures that it shows, as parts of a request (rules.parts_of); NULL for none, and erased with the text.
    pictures = models.JSONField(null=True, blank=True)
    # Nothing from here up, this answer included, is sent with what is asked below.
    ends_context = models.BooleanField(_("context ends here"), default=False)
    # Made by the client for each act of sending; on the message that the act created first.
    client_id = models.CharField(max_length=64, null=True, blank=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(fields=["user", "client_id"], name="chat_message_client_id_once"),
            models.CheckConstraint(
                condition=Q(role__in=[role.value for role in WRITERS]), name="chat_message_role_known"
            ),
            models.CheckConstraint(condition=Q(role=Role.USER) | Q(text=""), name="chat_message_answers_are_generated"),
            models.CheckConstraint(
                condition=Q(role=Role.ASSISTANT) | Q(ends_context=False), name="chat_message_context_ends_with_answers"
            ),
        ]
        indexes = [models.Index(fields=["conversation", "id"], name="chat_message_of_conversation")]

    def __str__(self) -> str:
        return str(self.id)
