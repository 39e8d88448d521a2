"""Why nothing is earned."""

from apps.kernel.errors import DomainError, ErrorKind, _


class AlreadySignedIn(DomainError):
    """One sign-in a day."""

    kind = ErrorKind.CONFLICT
    code = "already_signed_in"
    title = _("You have signed in today already.")


class MonthInvalid(DomainError):
    """A month is written YYYY-MM."""

    kind = ErrorKind.INVALID
    code = "month_invalid"
    title = _("A month is written as YYYY-MM.")
