"""Refusals of members' own keys."""

from apps.kernel.errors import DomainError, ErrorKind, _


class OwnKeyKindUnknown(DomainError):
    """No model is served by a channel of this kind, or nobody knows where own keys of it could be asked."""

    kind = ErrorKind.NOT_FOUND
    code = "own_key_kind_unknown"
    title = _("There are no own keys of this kind here.")


class OwnKeyNeeded(DomainError):
    """The member has none of this kind, or the one that was entered would go to another address."""

    kind = ErrorKind.UNPROCESSABLE
    code = "own_key_needed"
    title = _("Enter your key.")


class OwnKeyNotValid(DomainError):
    """What was entered cannot be sent as a key."""

    kind = ErrorKind.UNPROCESSABLE
    code = "own_key_not_valid"
    title = _("This cannot be a key: a key has no spaces and no other signs than letters, digits and marks.")


class OwnKeyRefused(DomainError):
    """The provider refused the key in its test: it was not kept."""

    kind = ErrorKind.UNPROCESSABLE
    code = "own_key_refused"
    title = _("The provider refused this key. It was not kept.")


class OwnAddressNotAllowed(DomainError):
    """Operators have not allowed members' own addresses."""

    kind = ErrorKind.FORBIDDEN
    code = "own_address_not_allowed"
    title = _("Addresses of your own are not allowed here.")


class OwnAddressRefused(DomainError):
    """None where only the member knows one; one that is not public, or of no use as a base URL."""

    kind = ErrorKind.UNPROCESSABLE
    code = "own_address_refused"
    title = _("Your key cannot be asked at this address: it has to be a public one that begins with https://.")
