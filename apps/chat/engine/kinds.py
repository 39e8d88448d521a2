"""The kinds of channels; apps.py registers them."""

from django.utils.translation import gettext_lazy as _

from apps.chat.contracts import OPENAI_COMPATIBLE
from apps.chat.registries import ChannelKind, Connection


class OpenAICompatible(ChannelKind):
    """Chat completions over HTTP, as OpenAI and most others offer them."""

    code = OPENAI_COMPATIBLE
    label = _("OpenAI compatible")

    def connect(self) -> Connection:
        """A connection by the openai client."""
        from apps.chat.engine.openai_compatible import OpenAIConnection  # noqa: PLC0415  # slow, for the engine alone

        return OpenAIConnection()
