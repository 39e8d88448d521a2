"""Refusals: what a caller can understand and act on. Anything else is a bug and may crash."""

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

    `context` carries the numbers that the caller needs, never a secret; `retry_after` in it is
    seconds and becomes the Retry-After header.
    """

    kind: ClassVar[ErrorKind] = ErrorKind.INVALID
    code: ClassVar[str] = "invalid"
    title: ClassVar[str] = _("This request cannot be carried out.")

    def __init__(self, **context: str | int) -> None:
        super().__init__(self.code)
        self.context = context


class RateLimited(DomainError):
    """Too many tries; `retry_after` seconds are in the context."""

    kind = ErrorKind.RATE_LIMITED
    code = "rate_limited"
    title = _("Too many requests. Please wait a moment and try again.")


class CursorNotValid(DomainError):
    """A page cursor that we did not issue."""

    code = "cursor_not_valid"
    title = _("This page link is no longer valid. Start from the first page.")


class ScopeMissing(DomainError):
    """An API key without the scope that the endpoint needs; `scope` names it."""

    kind = ErrorKind.FORBIDDEN
    code = "scope_missing"
    title = _("This API key may not do this.")


class IdempotencyKeyMissing(DomainError):
    """A POST that moves something came without an Idempotency-Key."""

    code = "idempotency_key_missing"
    title = _("This request needs an Idempotency-Key header of 8 to 64 letters, digits, dots, dashes or underscores.")


class IdempotencyKeyReused(DomainError):
    """The key was used before with another request."""

    kind = ErrorKind.UNPROCESSABLE
    code = "idempotency_key_reused"
    title = _("This Idempotency-Key was already used for a different request.")


class RequestInFlight(DomainError):
    """The same request is being worked on right now."""

    kind = ErrorKind.CONFLICT
    code = "request_in_flight"
    title = _("The same request is still being processed. Ask again in a moment.")
