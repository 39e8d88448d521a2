"""Why a stock is not changed, or a prize not handed over."""

from apps.kernel.errors import DomainError, ErrorKind, _


class PrizeOnItsWay(DomainError):
    """Somebody wants to leave while a prize is won and not handed over."""

    kind = ErrorKind.CONFLICT
    code = "prize_on_its_way"
    title = _("A prize of yours is still on its way. Please try again in a minute.")


class DeliveryNotFound(DomainError):
    """No such delivery."""

    kind = ErrorKind.NOT_FOUND
    code = "delivery_not_found"
    title = _("There is no such delivery.")


class StockNotFound(DomainError):
    """No such prize stock."""

    kind = ErrorKind.NOT_FOUND
    code = "stock_not_found"
    title = _("There is no such stock.")


class StockBelowIssued(DomainError):
    """A total cannot go below what has been given out."""

    kind = ErrorKind.CONFLICT
    code = "stock_below_issued"
    title = _("The stock cannot be lower than what has been issued.")


class StockEmpty(DomainError):
    """A stock of nothing would be a prize that nobody can win."""

    kind = ErrorKind.UNPROCESSABLE
    code = "stock_empty"
    title = _("A stock holds at least one.")


class AmountNotDeliverable(DomainError):
    """More than can be handed over at once, or nothing at all; `name`, `amount` and `largest` are in the context."""

    kind = ErrorKind.UNPROCESSABLE
    code = "amount_not_deliverable"
    title = _("This amount cannot be delivered: it is nothing, or more than can be given at once.")
