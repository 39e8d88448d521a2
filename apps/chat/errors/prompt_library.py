"""Refusals of members' own prompts."""

from apps.kernel.errors import DomainError, ErrorKind, _


class PromptNotFound(DomainError):
    """The member has no prompt with this id; somebody else's does not exist."""

    kind = ErrorKind.NOT_FOUND
    code = "prompt_not_found"
    title = _("This prompt does not exist any more.")


class PromptNotValid(DomainError):
    """Nothing to be seen, too long, or with signs that no text has; `field` is "title" or "text", in the context."""

    kind = ErrorKind.UNPROCESSABLE
    code = "prompt_not_valid"
    title = _("A prompt needs a text and a name on one line, and neither may be too long.")


class PromptRefused(DomainError):
    """A prompt with words of a list that refuses; which, nobody is told."""

    kind = ErrorKind.UNPROCESSABLE
    code = "prompt_refused"
    title = _("This prompt has words that cannot be sent here. It was not kept.")


class PromptsFull(DomainError):
    """The member has as many prompts as they may have; how many is `limit`, in the context."""

    kind = ErrorKind.CONFLICT
    code = "prompts_full"
    title = _("You have as many prompts as possible. Delete one first.")


class PromptChanged(DomainError):
    """Somebody, the member in another window, has changed it since; `version` is the one of now, in the context."""

    kind = ErrorKind.CONFLICT
    code = "prompt_changed"
    title = _("This prompt was changed in another window meanwhile. Look at it before you change it again.")
