"""Why nothing is adjusted."""

from apps.kernel.errors import DomainError, _


class AdjustmentNotValid(DomainError):
    """An amount of nothing or beyond all bounds, chances without an activity, or another request under the same id."""

    code = "adjustment_not_valid"
    title = _("An adjustment needs an amount other than zero, and chances need their activity.")
