"""Refusals that operators read about channels."""

from apps.kernel.errors import DomainError, ErrorKind, _


class ChannelNotTried(DomainError):
    """A channel without a key, or without a route to a model of texts, cannot be tried; `channel` is in the context."""

    kind = ErrorKind.CONFLICT
    code = "channel_not_tried"
    title = _("It cannot be tested: it has no key, or no route to a text model.")


class TriedTogether(DomainError):
    """Several were chosen to be tried, and an operator waits for each."""

    code = "tried_together"
    title = _("Test one at a time: each takes up to twelve seconds.")


class ChannelKeyNeeded(DomainError):
    """A channel would send the key that it has to another place than the one that it was entered for."""

    code = "channel_key_needed"
    title = _("Calls would go to another address or proxy: enter the key again.")
