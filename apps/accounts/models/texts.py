"""What the official account says, where operators have put it in their own words."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.kernel.models import Row


class ReplyText(Row):
    """An operator's wording of one reply; without a row the wording of the code counts."""

    key = models.CharField(_("key"), max_length=40)
    text = models.TextField(_("text"), max_length=600)

    class Meta:
        verbose_name = _("official account reply")
        verbose_name_plural = _("official account replies")
        constraints = [models.UniqueConstraint(fields=["key"], name="accounts_replytext_one_per_key")]

    def __str__(self) -> str:
        return self.key
