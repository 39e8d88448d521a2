"""How channels do, and what operators make of them."""

from enum import Enum

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class BreakerState(TextChoices):
    """Closed: asked as usual. Open: left alone. Half open: one question is asked, and shows whether it is well."""

    CLOSED = "closed", _("Well")
    OPEN = "open", _("Left alone")
    HALF_OPEN = "half_open", _("Being tried")


class Steering(Enum):
    """Asked whatever its failures; not at all; or by its health."""

    ON = "on"
    OFF = "off"
    AUTOMATIC = "automatic"
