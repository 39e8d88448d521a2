"""The rules that a question passes: what operators said of them, what each has refused, and whom one holds back."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.chat.registries import RULES
from apps.kernel.models import Row
from apps.kernel.registries import CODE_LENGTH, CodeField, code_constraint


class ChatRule(Row):
    """What operators said of a rule; without a row it is on, in the place where the site was built with it."""

    code = CodeField(_("rule"), registry=RULES)
    is_on = models.BooleanField(_("is asked"), default=True)
    # Rules are asked by their places, the lowest first.
    place = models.PositiveSmallIntegerField(_("place"), null=True, blank=True)
    updated_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("rule of the chain")
        verbose_name_plural = _("rules of the chain")
        constraints = [
            models.UniqueConstraint(fields=["code"], name="chat_chatrule_code_once"),
            code_constraint("chat_chatrule", "code"),
        ]

    def __str__(self) -> str:
        return str(self.get_code_display())


class RefusalCount(models.Model):
    """How many questions a rule has refused on a local day; a rule that is gone keeps its counts."""

    code = models.CharField(_("rule"), max_length=CODE_LENGTH)
    day = models.DateField(_("day"))
    refused = models.PositiveIntegerField(_("refused"))

    class Meta:
        verbose_name = _("count of refusals")
        verbose_name_plural = _("counts of refusals")
        constraints = [
            models.UniqueConstraint(fields=["code", "day"], name="chat_refusalcount_once_per_day"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.day}: {self.refused}"


class BlockedNetwork(Row):
    """A network whose questions are refused while it is switched on, in its one way of writing."""

    network = models.CharField(_("network"), max_length=43)
    note = models.CharField(_("whose it is"), max_length=80, blank=True)
    is_enabled = models.BooleanField(_("held back"), default=True)
    updated_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("blocked network")
        verbose_name_plural = _("blocked networks")
        constraints = [models.UniqueConstraint(fields=["network"], name="chat_blockednetwork_once")]

    def __str__(self) -> str:
        return self.network
