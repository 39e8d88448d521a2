"""Pictures of members. Their bytes are files, which go by the same ids."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.chat.contracts import PictureType
from apps.chat.models.conversations import Message
from apps.chat.models.generations import Generation
from apps.kernel.models import Row


class Picture(Row):
    """A picture that a member sent, or that a model made for them.

    One that is neither at a message nor at a generation waits for its question. An erased one is seen by nobody; its
    row goes as soon as its file has gone.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("member"),
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    # Where it was shown first; other branches of the same conversation name it, too (Message.pictures).
    message = models.ForeignKey(Message, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    # What made it, or the request that asks with it.
    generation = models.ForeignKey(
        Generation, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    is_made = models.BooleanField(_("made by a model"), default=False)
    # Among those of its generation, from 0.
    number = models.PositiveSmallIntegerField(_("number"), default=0)
    media_type = models.CharField(_("media type"), max_length=16, choices=PictureType)
    width = models.PositiveIntegerField(_("width (pixels)"))
    height = models.PositiveIntegerField(_("height (pixels)"))
    bytes = models.PositiveIntegerField(_("size (bytes)"))
    # What its model made of the prompt, where it said so; erased with it.
    revised_prompt = models.TextField(_("revised prompt"), blank=True, default="")
    erased_at = models.DateTimeField(_("erased at"), null=True, blank=True)

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")
        constraints = [
            models.CheckConstraint(
                condition=Q(media_type__in=PictureType.values), name="chat_picture_media_type_known"
            ),
            models.CheckConstraint(
                condition=Q(width__gt=0, height__gt=0, bytes__gt=0), name="chat_picture_shows_something"
            ),
            models.CheckConstraint(
                condition=Q(is_made=True, generation__isnull=False)
                | Q(is_made=False, message=None)
                | Q(is_made=False, generation=None),
                name="chat_picture_made_or_asked_with",
            ),
            # Its index finds those of a generation, too.
            models.UniqueConstraint(fields=["generation", "number"], name="chat_picture_number_once"),
        ]
        indexes = [
            models.Index(fields=["user", "id"], condition=Q(erased_at=None), name="chat_picture_of_member"),
            # What the sweeper asks for; both are few.
            models.Index(fields=["id"], condition=Q(message=None, erased_at=None), name="chat_picture_unshown"),
            models.Index(fields=["id"], condition=Q(erased_at__isnull=False), name="chat_picture_erased"),
        ]

    def __str__(self) -> str:
        return str(self.id)
