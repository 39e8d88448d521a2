"""What the ledger refuses."""

from apps.kernel.errors import DomainError, ErrorKind


class InsufficientFunds(DomainError):
    """The account's available balance is below the amount; nothing changed."""

    kind = ErrorKind.UNPROCESSABLE
    code = "insufficient_funds"
    title = "The balance is not enough for this."


class InvalidAmount(DomainError):
    """Not an integer, not positive, beyond the largest amount, or more than the hold holds."""

    code = "invalid_amount"
    title = "This amount is not possible."


class CauseConflict(DomainError):
    """The same cause already moved or reserved something else; nothing changed."""

    kind = ErrorKind.CONFLICT
    code = "cause_conflict"
    title = "This was already booked with other contents."


class DebtOpen(DomainError):
    """The member owes, in some account, what was taken back."""

    kind = ErrorKind.CONFLICT
    code = "debt_open"
    title = "Something that was taken back is still owed. What comes in next pays it; or ask us."


class GrantEnded(DomainError):
    """The end of what is to be granted has passed; nothing changed."""

    kind = ErrorKind.UNPROCESSABLE
    code = "grant_ended"
    title = "What is to be granted has ended already."


class GrantNotFound(DomainError):
    """This leg of the cause never granted a lot."""

    kind = ErrorKind.NOT_FOUND
    code = "grant_not_found"
    title = "There is nothing to take back."


class HoldNotFound(DomainError):
    """No such hold."""

    kind = ErrorKind.NOT_FOUND
    code = "hold_not_found"
    title = "There is no such reservation."
