"""Whose row it is."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


def member(*, db_index: bool = False) -> "models.ForeignKey[Any, Any]":
    """The member's key. Most tables have a unique key that begins with the member, so this one needs no index."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("member"),
        on_delete=models.PROTECT,
        related_name="+",
        db_index=db_index,
    )
