"""What the sandbox refuses: in the phone's words, in the official account's, and in WeChat Pay's."""

from apps.kernel.errors import DomainError, ErrorKind


class NotOnThisMachine(DomainError):
    """The phone was asked for by another machine; it needs no password, so it answers loopback only."""

    kind = ErrorKind.FORBIDDEN
    code = "loopback_only"
    title = "The sandbox phone answers only on the machine it runs on."


class UnknownCode(DomainError):
    """The scanned content is neither a login code nor a payment code of ours."""

    kind = ErrorKind.NOT_FOUND
    code = "unknown_code"
    title = "This is not a code that the sandbox knows."


class CodeExpired(DomainError):
    """The scanned code was good once."""

    kind = ErrorKind.CONFLICT
    code = "code_expired"
    title = "This code has expired. Ask the site for a new one."


class NothingToConfirm(DomainError):
    """No login was scanned by this phone with that code."""

    kind = ErrorKind.NOT_FOUND
    code = "nothing_to_confirm"
    title = "This phone has not scanned a login with that code."


class UnknownFault(DomainError):
    """No fault has this name."""

    kind = ErrorKind.NOT_FOUND
    code = "unknown_fault"
    title = "The sandbox knows no fault of that name."


class OAuthRefused(DomainError):
    """The authorize page refuses a request; `detail` holds the platform's number and words."""

    code = "oauth_refused"
    title = "WeChat does not open this page."

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(errcode=errcode, errmsg=errmsg)


class ScannedByAnother(DomainError):
    """One order belongs to the first WeChat user who scans it."""

    kind = ErrorKind.CONFLICT
    code = "scanned_by_another"
    title = "Another WeChat user has already scanned this payment code."


class PaymentSettled(DomainError):
    """The payment is paid or closed; `state` says which."""

    kind = ErrorKind.CONFLICT
    code = "payment_settled"
    title = "This payment is already paid or closed."


class AccountRefusal(Exception):
    """The official account's API says no: HTTP 200 with these two members, as the real one does."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(errmsg)
        self.errcode = errcode
        self.errmsg = errmsg


class PayRefusal(Exception):
    """WeChat Pay says no: this HTTP status with `{"code", "message"}`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class BadReply(Exception):
    """The site's answer to a callback is not a valid passive reply; the text says what is wrong."""


class Broken(Exception):
    """The platform itself fails: the caller gets an HTTP 500 that is no JSON."""
