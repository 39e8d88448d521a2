"""What of the channels needs somebody, for the home of the admin."""

from collections.abc import Iterable

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.chat import services
from apps.kernel import clock
from apps.kernel.admin import Alarm, register_alarms

# Of more only these are named.
_NAMED = 5


def _channels(request: HttpRequest) -> Iterable[Alarm]:
    alarms = services.channel_alarms(now=clock.now())
    channels, keys = reverse("admin:chat_channel_changelist"), reverse("admin:chat_channelkey_changelist")
    for title, names, address, tone in (
        (_("Nobody can ask: no key is awake"), alarms.without_key, channels, "bad"),
        (_("Left alone for its failures"), alarms.left_alone, channels, "bad"),
        (_("The account is empty"), alarms.in_arrears, keys, "bad"),
        (_("The key is refused"), alarms.refused, keys, "warn"),
    ):
        if names:
            more = " …" if len(names) > _NAMED else ""
            yield Alarm(title=title, detail=", ".join(names[:_NAMED]) + more, address=address, tone=tone)


register_alarms("chat.view_channel", _channels)
