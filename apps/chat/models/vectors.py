"""Embeddings on their way to the request that asked for them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.chat.models.generations import Generation


class AnswerVectors(models.Model):
    """The vectors of one settled answer, until they are handed out, once, or nobody has come for them."""

    generation = models.OneToOneField(
        Generation, verbose_name=_("generation"), on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    dimensions = models.PositiveIntegerField(_("dimensions"))
    # One behind the other (contracts.Vectors).
    data = models.BinaryField(_("numbers"))
    created_at = models.DateTimeField(_("made at"), db_index=True)

    class Meta:
        verbose_name = _("embeddings of an answer")
        verbose_name_plural = _("embeddings of answers")
        constraints = [
            models.CheckConstraint(condition=Q(dimensions__gt=0), name="chat_answervectors_have_dimensions"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
