"""Refusals: what a caller can understand and act on. Anything else is a bug and may crash."""

from collections.abc import Iterator
from enum import Enum
from typing import ClassVar


def _(text: str) -> str:
    """Mark a title for the translators; Django's own mark would bring the framework into rules."""
    return text


class ErrorKind(Enum):
    """What sort of refusal it is; the value is its HTTP status."""

    INVALID = 400
    UNAUTHENTICATED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    CONFLICT = 409
    UNPROCESSABLE = 422
    RATE_LIMITED = 429
    UNAVAILABLE = 503


class DomainError(Exception):
    """A refusal. Subclasses set `kind`, a stable `code`, and an English `title` that interfaces translate.

    `context` carries the numbers and names that the caller needs, never a secret; `retry_after` in it is
    seconds and becomes the Retry-After header.
    """

    kind: ClassVar[ErrorKind] = ErrorKind.INVALID
    code: ClassVar[str] = "invalid"
    title: ClassVar[str] = _("This request cannot be carried out.")

    def __init__(self, **context: str | int | list[str]) -> None:
        super().__init__(self.code)
        self.context = context


def known_refusals(of: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    """Every class of refusal that has been imported."""
    for refusal in of.__subclasses__():
        yield refusal
        yield from known_refusals(refusal)


class RateLimited(DomainError):
    """Too many tries; `retry_after` seconds are in the context."""

    kind = ErrorKind.RATE_LIMITED
    code = "rate_limited"
    title = _("Too many requests. Please wait a moment and try again.")


class TooManyReaders(DomainError):
    """More event streams are open than one reader may have; `limit` is how many, `retry_after` seconds."""

    kind = ErrorKind.RATE_LIMITED
    code = "too_many_readers"
    title = _("Too many live connections are open at once. Close a few pages, then try again.")


class Busy(DomainError):
    """The database was locked or away for a moment; `retry_after` seconds are in the context."""

    kind = ErrorKind.UNAVAILABLE
    code = "busy"
    title = _("We are busy right now. Please try again in a moment.")


class CursorNotValid(DomainError):
    """A page cursor that we did not issue."""

    code = "cursor_not_valid"
    title = _("This page link is no longer valid. Start from the first page.")


class CodeUnknown(DomainError):
    """Nothing is registered under a code, which is misspelt, or whose class is gone; `noun` is what it would be."""

    kind = ErrorKind.UNPROCESSABLE
    code = "code_unknown"
    title = _("This kind of thing is not known here.")


class ScopeMissing(DomainError):
    """An API key without the scope that the endpoint needs; `scope` names it."""

    kind = ErrorKind.FORBIDDEN
    code = "scope_missing"
    title = _("This API key may not do this.")


class AnotherMember(DomainError):
    """A page that was made for one member asks while another is signed in (X-Member names the page's)."""

    kind = ErrorKind.CONFLICT
    code = "another_member"
    title = _("Somebody else has signed in here meanwhile. Nothing was changed.")


class ReasonMissing(DomainError):
    """What operators do to money, odds, stock, rights and configuration needs a reason."""

    code = "reason_missing"
    title = _("Please give a reason.")


class NumberNotPossible(DomainError):
    """A number that its column cannot hold; `field` is in the context."""

    code = "number_not_possible"
    title = _("This number is too large or too small.")


class SealingKeyNamed(DomainError):
    """What a key has sealed is given up only when the key is lost."""

    kind = ErrorKind.CONFLICT
    code = "sealing_key_named"
    title = _("The settings name this SEALING_KEY: nothing is lost, reseal it.")


class IdempotencyKeyMissing(DomainError):
    """A POST that moves something came without an Idempotency-Key."""

    code = "idempotency_key_missing"
    title = _("This request needs an Idempotency-Key header of 8 to 64 letters, digits, dots, dashes or underscores.")


class IdempotencyKeyReused(DomainError):
    """The key was used before with another request."""

    kind = ErrorKind.UNPROCESSABLE
    code = "idempotency_key_reused"
    title = _("This Idempotency-Key was already used for a different request.")


class OfferChanged(DomainError):
    """Somebody saw another offer or reward; the present one is in the context, with its version in `offer`."""

    kind = ErrorKind.CONFLICT
    code = "offer_changed"
    title = _("This has changed since you opened the page. Nothing was done; please look again.")


class RequestInFlight(DomainError):
    """The same request is being worked on right now."""

    kind = ErrorKind.CONFLICT
    code = "request_in_flight"
    title = _("The same request is still being processed. Ask again in a moment.")


class ProposalNotFound(DomainError):
    """No such proposal."""

    kind = ErrorKind.NOT_FOUND
    code = "proposal_not_found"
    title = _("There is no such proposal.")


class ProposalNotOpen(DomainError):
    """It was decided before, or nobody decided it in time."""

    kind = ErrorKind.CONFLICT
    code = "proposal_not_open"
    title = _("This proposal was already decided, or has expired. Nothing was done.")


class ProposalIsYours(DomainError):
    """Who proposes cannot approve."""

    kind = ErrorKind.FORBIDDEN
    code = "proposal_is_yours"
    title = _("Somebody else has to approve what you proposed.")


class ProposalChanged(DomainError):
    """What it is about, or what it says, is not what was proposed."""

    kind = ErrorKind.CONFLICT
    code = "proposal_changed"
    title = _("What was proposed has changed since. Please propose it again.")


class ApprovalNotAllowed(DomainError):
    """The operator lacks the right that this action asks of who approves it."""

    kind = ErrorKind.FORBIDDEN
    code = "approval_not_allowed"
    title = _("You may not decide this proposal.")
