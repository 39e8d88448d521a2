"""Refusals of accounts."""

from apps.kernel.errors import DomainError, ErrorKind, _


class MemberNotFound(DomainError):
    """Nobody has this id."""

    kind = ErrorKind.NOT_FOUND
    code = "member_not_found"
    title = _("There is no such member.")


class MemberFrozen(DomainError):
    """The member may read, but not chat, pay or draw."""

    kind = ErrorKind.FORBIDDEN
    code = "member_frozen"
    title = _("This account is frozen. Your balances are kept; please contact support.")


class MemberClosed(DomainError):
    """The member has closed the account; nobody acts for it any more."""

    kind = ErrorKind.FORBIDDEN
    code = "member_closed"
    title = _("This account has been closed.")


class ClosingNotConfirmed(DomainError):
    """What was typed to confirm is not the nickname."""

    code = "closing_not_confirmed"
    title = _("This is not your nickname. The account was not closed.")


class OperatorNotClosable(DomainError):
    """An operator's account is named in the audit trail; other operators take its rights away."""

    kind = ErrorKind.CONFLICT
    code = "operator_not_closable"
    title = _("An operator's account cannot be closed here.")


class AvatarNotKnown(DomainError):
    """Not a code of our set."""

    code = "avatar_not_known"
    title = _("There is no such avatar.")


class NicknameNotValid(DomainError):
    """A nickname is one line of 1 to 24 visible characters."""

    code = "nickname_not_valid"
    title = _("A nickname is 1 to 24 characters on one line.")


class NicknameReserved(DomainError):
    """A nickname by which somebody could pretend to be us, whatever letters it is written in."""

    code = "nickname_reserved"
    title = _("This name sounds as if it were ours. Please choose another one.")


class LanguageNotKnown(DomainError):
    """A language that the site does not speak."""

    code = "language_not_known"
    title = _("This language is not available.")


class UsernameTaken(DomainError):
    """Another operator has this user name."""

    kind = ErrorKind.CONFLICT
    code = "username_taken"
    title = _("This user name is taken.")


class AttemptNotFound(DomainError):
    """No such attempt, or another browser's; the two are not told apart."""

    kind = ErrorKind.NOT_FOUND
    code = "login_attempt_not_found"
    title = _("This sign-in was started in another browser or is gone. Please start again.")


class CodeNotValid(DomainError):
    """A wrong, used or expired code, or an attempt that is over; nobody is told which."""

    code = "code_not_valid"
    title = _("This code is wrong or no longer valid. Send the keyword again for a new one.")


class CallbackForged(DomainError):
    """A callback whose signature, age or encryption does not hold, or that is for another account."""

    kind = ErrorKind.FORBIDDEN
    code = "callback_forged"
    title = _("The signature does not match.")


class MemberBlocked(DomainError):
    """A black list holds the member back from this."""

    kind = ErrorKind.FORBIDDEN
    code = "member_blocked"
    title = _("This account cannot do this at the moment. Please contact support.")


class SessionNotFound(DomainError):
    """No such session among the member's own, or it has ended."""

    kind = ErrorKind.NOT_FOUND
    code = "session_not_found"
    title = _("This session has ended already.")


class ApiKeyNotValid(DomainError):
    """An unknown, expired or revoked key; nobody is told which."""

    kind = ErrorKind.UNAUTHENTICATED
    code = "api_key_not_valid"
    title = _("This API key is not valid.")


class NetworkNotAllowed(DomainError):
    """A valid key, used from a network that its owner did not allow."""

    kind = ErrorKind.FORBIDDEN
    code = "network_not_allowed"
    title = _("This API key may not be used from this network.")


class ApiKeyNotFound(DomainError):
    """No such key among the member's own, or it is revoked."""

    kind = ErrorKind.NOT_FOUND
    code = "api_key_not_found"
    title = _("There is no such API key.")


class ApiKeyNotPossible(DomainError):
    """A new key whose properties do not hold together; `field` says which."""

    code = "api_key_not_possible"
    title = _("An API key needs a name, a scope, an expiry in the future, and networks in CIDR form.")


class TooManyApiKeys(DomainError):
    """The member has as many keys as they may have."""

    kind = ErrorKind.CONFLICT
    code = "too_many_api_keys"
    title = _("You have as many API keys as possible. Revoke one first.")


class KeySpendCapReached(DomainError):
    """The key's owner allowed it to spend less than this would cost."""

    kind = ErrorKind.FORBIDDEN
    code = "key_spend_cap_reached"
    title = _("This API key has reached its spending cap.")


class ModelNotAllowed(DomainError):
    """The key's owner did not allow it this model."""

    kind = ErrorKind.FORBIDDEN
    code = "model_not_allowed"
    title = _("This API key may not use this model.")


class ListEntryNotFound(DomainError):
    """The member is not on this list."""

    kind = ErrorKind.NOT_FOUND
    code = "list_entry_not_found"
    title = _("The member is not on this list.")


class ListEntryNotPossible(DomainError):
    """An entry that would end before it begins."""

    code = "list_entry_not_possible"
    title = _("A list entry ends in the future, or never.")


class OAuthCodeNotValid(DomainError):
    """A wrong, used or expired code from WeChat's browser, or an answer to a question that we did not ask."""

    code = "oauth_code_not_valid"
    title = _("Signing in through WeChat did not work. Please try again, or use a code.")


class OAuthNotPermitted(DomainError):
    """The official account is of a kind that has no web sign-in."""

    kind = ErrorKind.UNAVAILABLE
    code = "oauth_not_permitted"
    title = _("This official account cannot sign you in with one tap. Please use a code.")


class WeChatUnavailable(DomainError):
    """WeChat gave no usable answer."""

    kind = ErrorKind.UNAVAILABLE
    code = "wechat_unavailable"
    title = _("WeChat does not answer right now. Please try again in a moment, or use a code.")


class ReplyTextNotKnown(DomainError):
    """No reply has this key."""

    kind = ErrorKind.NOT_FOUND
    code = "reply_text_not_known"
    title = _("There is no such reply.")


class ReplyTextNotValid(DomainError):
    """A wording that could not be filled, or that leaves out what the reader needs; `allowed` is what it may name."""

    code = "reply_text_not_valid"
    title = _("The text must use the placeholders of this reply, as plain names in braces, and no others.")


class OperatorNotRecognised(DomainError):
    """A wrong user name, password or second factor; nobody is told which."""

    kind = ErrorKind.UNAUTHENTICATED
    code = "operator_not_recognised"
    title = _("The user name, the password or the code is wrong.")


class SecondFactorInUse(DomainError):
    """The operator has an authenticator already."""

    kind = ErrorKind.CONFLICT
    code = "second_factor_in_use"
    title = _("An authenticator is set up already. Remove it first.")


class SecondFactorWrong(DomainError):
    """A code that is wrong, too old, or was used before; nobody is told which."""

    code = "second_factor_wrong"
    title = _("This code is wrong, too old, or was used before. Wait for the next one.")


class OperatorNotFound(DomainError):
    """Nobody with this id is an operator."""

    kind = ErrorKind.NOT_FOUND
    code = "operator_not_found"
    title = _("There is no such operator.")


class OperatorOutOfReach(DomainError):
    """An act on an operator by somebody who may not do everything."""

    kind = ErrorKind.FORBIDDEN
    code = "operator_out_of_reach"
    title = _("Only a superuser may do this to an operator.")


class PasswordNotGood(DomainError):
    """A password that is short, common, a number, or like the name; `problems` says what, in words."""

    code = "password_not_good"
    title = _("This password is too easy to guess.")


class RoleNotKnown(DomainError):
    """There is no role of this name."""

    code = "role_not_known"
    title = _("There is no such role.")


class PersonKeyInUse(DomainError):
    """The present secret recognises everybody who comes: it cannot be given up."""

    kind = ErrorKind.CONFLICT
    code = "person_key_in_use"
    title = _("This is the present PERSON_KEY. Name another one in its place first.")
