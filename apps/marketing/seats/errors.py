"""Why a member gets no further in an activity."""

from apps.kernel.errors import DomainError, ErrorKind, _


class LimitReached(DomainError):
    """The draws asked for would pass a limit; context names it: total, day or month."""

    kind = ErrorKind.CONFLICT
    code = "draw_limit_reached"
    title = _("You have reached the draw limit.")


class ChancesNotUsable(DomainError):
    """An item that is sold, or a rule in force, would give chances of an activity in which nobody can draw."""

    kind = ErrorKind.CONFLICT
    code = "chances_not_usable"
    title = _("Nobody can use draw chances of a draft or of an activity that is over. Start it, or switch this off.")
