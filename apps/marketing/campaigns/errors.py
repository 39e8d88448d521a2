"""Why an activity, or a change of one, is refused."""

from apps.kernel.errors import DomainError, ErrorKind, _


class ActivityNotFound(DomainError):
    """No such activity, or it is a draft that members may not see."""

    kind = ErrorKind.NOT_FOUND
    code = "activity_not_found"
    title = _("There is no such activity.")


class StageNotFound(DomainError):
    """Nothing is on show at this place."""

    kind = ErrorKind.NOT_FOUND
    code = "stage_not_found"
    title = _("No activity is on show here.")


class ActivityPaused(DomainError):
    """An operator has paused the activity."""

    kind = ErrorKind.CONFLICT
    code = "activity_paused"
    title = _("This activity is paused.")


class ActivityNotStarted(DomainError):
    """The window has not opened yet."""

    kind = ErrorKind.CONFLICT
    code = "activity_not_started"
    title = _("This activity has not started yet.")


class ActivityEnded(DomainError):
    """The window has closed, or an operator ended the activity."""

    kind = ErrorKind.CONFLICT
    code = "activity_ended"
    title = _("This activity has ended.")


class ActivityNotReady(DomainError):
    """The activity has no published odds."""

    kind = ErrorKind.CONFLICT
    code = "activity_not_ready"
    title = _("This activity has no published odds.")


class IllegalTransition(DomainError):
    """The state machine has no such step."""

    kind = ErrorKind.CONFLICT
    code = "illegal_transition"
    title = _("This step is not possible from the present state.")


class TimeZoneUnknown(DomainError):
    """Not a name of the IANA time zone database."""

    code = "time_zone_unknown"
    title = _("This time zone is not known.")


class TimeZoneFixed(DomainError):
    """The days of an activity that has left its draft are those of one time zone; `time_zone` is in the context."""

    kind = ErrorKind.CONFLICT
    code = "time_zone_fixed"
    title = _("The time zone cannot change once the activity has started: its limits count days and months by it.")


class WindowInvalid(DomainError):
    """An activity ends after it starts."""

    code = "window_invalid"
    title = _("An activity must end after it starts.")
