"""How pages name a device and where it is; programs are told "unknown" by the API, whatever the language."""

from django import template
from django.utils.translation import gettext as _

from apps.accounts.rules import UNKNOWN
from apps.accounts.services.places import network_in_words

register = template.Library()


@register.filter
def device_name(label: str) -> str:
    """A browser's label, or words for what has none: a program, or a browser that nobody knows."""
    return _("Unknown device") if label == UNKNOWN else label


@register.filter
def network_name(network: str) -> str:
    """A coarse network in words."""
    return network_in_words(network)
