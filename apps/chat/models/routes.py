"""Which channels serve which models."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.chat.models.catalogue import ChatModel
from apps.chat.models.channels import Channel
from apps.kernel.models import Row


class Route(Row):
    """That a channel serves a model, and under which name. The smallest priority is asked first."""

    model = models.ForeignKey(ChatModel, verbose_name=_("model"), on_delete=models.PROTECT, related_name="routes")
    channel = models.ForeignKey(Channel, verbose_name=_("channel"), on_delete=models.PROTECT, related_name="+")
    upstream_name = models.CharField(_("upstream name"), max_length=128)
    priority = models.PositiveSmallIntegerField(_("priority"), default=1)
    # Its share of the questions among the routes of the same priority.
    weight = models.PositiveSmallIntegerField(_("weight"), default=1)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    updated_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("route")
        verbose_name_plural = _("routes")
        constraints = [
            models.UniqueConstraint(fields=["model", "channel"], name="chat_route_once_per_channel"),
            models.CheckConstraint(condition=Q(weight__gt=0), name="chat_route_has_weight"),
        ]

    def __str__(self) -> str:
        return self.upstream_name
