"""Refusals about reports of answers."""

from apps.kernel.errors import DomainError, ErrorKind, _


class AnswerNotFinished(DomainError):
    """An answer that is still being written, of something that only finished ones have."""

    kind = ErrorKind.CONFLICT
    code = "answer_not_finished"
    title = _("This answer is still being written. Wait for its end.")


class AlreadyReported(DomainError):
    """The member has said something else about this answer before."""

    kind = ErrorKind.CONFLICT
    code = "already_reported"
    title = _("You have already reported this answer.")


class ReportNotFound(DomainError):
    """No such report."""

    kind = ErrorKind.NOT_FOUND
    code = "report_not_found"
    title = _("There is no such report.")


class ReportDecided(DomainError):
    """Somebody has decided the report before."""

    kind = ErrorKind.CONFLICT
    code = "report_decided"
    title = _("This report is already decided.")


class ReportNotDecided(DomainError):
    """A decision that decides nothing, or tells the member nothing, or more than `limit` characters."""

    code = "report_not_decided"
    title = _("A decision says whether the report is upheld, and tells its member why.")
