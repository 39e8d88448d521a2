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


class HoldNotFound(DomainError):
    """No such hold."""

    kind = ErrorKind.NOT_FOUND
    code = "hold_not_found"
    title = "There is no such reservation."
