"""Why nothing is bought, or an item not changed."""

from apps.kernel.errors import DomainError, ErrorKind, _


class ItemNotFound(DomainError):
    """No such exchange item, or it is not offered now."""

    kind = ErrorKind.NOT_FOUND
    code = "item_not_found"
    title = _("This item is not offered.")


class NotEnoughPoints(DomainError):
    """The price is higher than the balance."""

    kind = ErrorKind.UNPROCESSABLE
    code = "not_enough_points"
    title = _("You do not have enough points.")


class PriceChanged(DomainError):
    """The member saw another price; `price_points` in the context is the present one."""

    kind = ErrorKind.CONFLICT
    code = "price_changed"
    title = _("The price has changed since you opened this page. Nothing was ordered.")


class ItemSoldOut(DomainError):
    """Less stock than asked for."""

    kind = ErrorKind.CONFLICT
    code = "item_sold_out"
    title = _("This item is sold out.")


class ItemLimitReached(DomainError):
    """The member would pass the limit of this item."""

    kind = ErrorKind.CONFLICT
    code = "item_limit_reached"
    title = _("You have reached the limit for this item.")


class QuantityInvalid(DomainError):
    """A quantity is between 1 and 99."""

    kind = ErrorKind.INVALID
    code = "quantity_invalid"
    title = _("A quantity is between 1 and 99.")


class StockBelowSold(DomainError):
    """An item's stock cannot go below what has been sold; `sold` and `stock` are in the context."""

    kind = ErrorKind.CONFLICT
    code = "stock_below_sold"
    title = _("The stock cannot be lower than what has been sold.")
