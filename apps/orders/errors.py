"""The refusals of orders."""

from apps.kernel.errors import DomainError, ErrorKind


class ProductNotFound(DomainError):
    """No such product."""

    kind = ErrorKind.NOT_FOUND
    code = "product_not_found"
    title = "There is no such product."


class ProductNotOnSale(DomainError):
    """The product exists and cannot be bought now."""

    kind = ErrorKind.CONFLICT
    code = "product_not_on_sale"
    title = "This product is not on sale at the moment."


class ProductQuotaNotDeliverable(DomainError):
    """More quota than can be handed over at once, or less than none; `quota_milli` and `largest` are in the context."""

    kind = ErrorKind.UNPROCESSABLE
    code = "product_quota_not_deliverable"
    title = "This quota cannot be delivered: it is below zero or more than one order may give."


class ProductEmpty(DomainError):
    """The product would sell nothing."""

    kind = ErrorKind.UNPROCESSABLE
    code = "product_empty"
    title = "A product gives something: quota, or a model."


class ProductAmountNotPayable(DomainError):
    """No price, or one that no provider can take; `amount_fen` and `largest` are in the context."""

    kind = ErrorKind.UNPROCESSABLE
    code = "product_amount_not_payable"
    title = "This price cannot be paid: it is below one fen or more than a payment can carry."


class ProductTitleTooLong(DomainError):
    """The provider would refuse every order of it; `bytes` and `longest` are in the context."""

    kind = ErrorKind.UNPROCESSABLE
    code = "product_title_too_long"
    title = "The title is too long to be paid for: at most 127 bytes, of which a Chinese character takes three."


class ProductModelUnknown(DomainError):
    """The product would sell a model that chat does not have; `model` is in the context."""

    kind = ErrorKind.UNPROCESSABLE
    code = "product_model_unknown"
    title = "A product can only open models that exist."


class PriceChanged(DomainError):
    """A client that names no offer saw another price; `amount_fen` in the context is the present one.

    Pages name the offer that they show, and meet the kernel's OfferChanged.
    """

    kind = ErrorKind.CONFLICT
    code = "price_changed"
    title = "The price has changed since you opened this page. Nothing was ordered."


class ShopClosed(DomainError):
    """An operator stopped new orders."""

    kind = ErrorKind.UNAVAILABLE
    code = "shop_closed"
    title = "The shop takes no new orders at the moment. Orders already paid are delivered."


class OrderNotFound(DomainError):
    """No such order, or it belongs to someone else; the two are not told apart."""

    kind = ErrorKind.NOT_FOUND
    code = "order_not_found"
    title = "There is no such order."


class OrderNotCancellable(DomainError):
    """The order is paid, or on its way back; `state` is in the context."""

    kind = ErrorKind.CONFLICT
    code = "order_not_cancellable"
    title = "This order can no longer be cancelled."


class OrderUnderWay(DomainError):
    """Somebody wants to leave while an order is neither delivered nor over; `order_id` is in the context."""

    kind = ErrorKind.CONFLICT
    code = "order_under_way"
    title = "An order is still open. Pay or cancel it first; an order that is paid needs a moment to arrive."


class IllegalTransition(DomainError):
    """The transition table has no such step, or another process made one first."""

    kind = ErrorKind.CONFLICT
    code = "order_state_changed"
    title = "The order has changed in the meantime. Look at it again."


class GatewayUnknown(DomainError):
    """No way of paying has this code, or it is not set up here."""

    code = "gateway_unknown"
    title = "This way of paying is not available."


class GatewayUnavailable(DomainError):
    """The payment provider did not answer, or refused; the order is kept and the same request may be repeated."""

    kind = ErrorKind.UNAVAILABLE
    code = "gateway_unavailable"
    title = "The payment provider does not answer. Your order is kept; try again in a moment."


class NoticeRejected(DomainError):
    """A payment notification that we do not believe; `reference` finds it in the log."""

    code = "notice_rejected"
    title = "This notification was not accepted."
