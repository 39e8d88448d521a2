"""Why marketing refuses. Nothing has changed when one of these is raised."""

from django.utils.translation import gettext_noop as _

from apps.kernel.errors import DomainError, ErrorKind


class ActivityNotFound(DomainError):
    """No such activity, or it is a draft that members may not see."""

    kind = ErrorKind.NOT_FOUND
    code = "activity_not_found"
    title = _("There is no such activity.")


class StageNotFound(DomainError):
    """Nothing is on show at this place."""

    kind = ErrorKind.NOT_FOUND
    code = "stage_not_found"
    title = _("No activity is on show here.")


class OddsNotFound(DomainError):
    """No such published odds version."""

    kind = ErrorKind.NOT_FOUND
    code = "odds_not_found"
    title = _("There are no such published odds.")


class PrizeOnItsWay(DomainError):
    """Somebody wants to leave while a prize is won and not handed over."""

    kind = ErrorKind.CONFLICT
    code = "prize_on_its_way"
    title = _("A prize of yours is still on its way. Please try again in a minute.")


class DrawNotFound(DomainError):
    """No such draw, or it is somebody else's."""

    kind = ErrorKind.NOT_FOUND
    code = "draw_not_found"
    title = _("There is no such draw.")


class DeliveryNotFound(DomainError):
    """No such delivery."""

    kind = ErrorKind.NOT_FOUND
    code = "delivery_not_found"
    title = _("There is no such delivery.")


class ItemNotFound(DomainError):
    """No such exchange item, or it is not offered now."""

    kind = ErrorKind.NOT_FOUND
    code = "item_not_found"
    title = _("This item is not offered.")


class StockNotFound(DomainError):
    """No such prize stock."""

    kind = ErrorKind.NOT_FOUND
    code = "stock_not_found"
    title = _("There is no such stock.")


class ActivityPaused(DomainError):
    """An operator has paused the activity."""

    kind = ErrorKind.CONFLICT
    code = "activity_paused"
    title = _("This activity is paused.")


class ActivityNotStarted(DomainError):
    """The window has not opened yet."""

    kind = ErrorKind.CONFLICT
    code = "activity_not_started"
    title = _("This activity has not started yet.")


class ActivityEnded(DomainError):
    """The window has closed, or an operator ended the activity."""

    kind = ErrorKind.CONFLICT
    code = "activity_ended"
    title = _("This activity has ended.")


class ActivityNotReady(DomainError):
    """The activity has no published odds."""

    kind = ErrorKind.CONFLICT
    code = "activity_not_ready"
    title = _("This activity has no published odds.")


class DrawsSwitchedOff(DomainError):
    """An operator has switched all draws off."""

    kind = ErrorKind.UNAVAILABLE
    code = "draws_switched_off"
    title = _("Draws are closed for the moment.")


class NoChances(DomainError):
    """Fewer chances than draws asked for."""

    kind = ErrorKind.UNPROCESSABLE
    code = "no_chances"
    title = _("You have no draw chances left.")


class LimitReached(DomainError):
    """The draws asked for would pass a limit; context names it: total, day or month."""

    kind = ErrorKind.CONFLICT
    code = "draw_limit_reached"
    title = _("You have reached the draw limit.")


class CountNotOffered(DomainError):
    """A request draws 1 or 10 times."""

    kind = ErrorKind.INVALID
    code = "count_not_offered"
    title = _("You can draw once or ten times.")


class ClientSeedInvalid(DomainError):
    """A client seed is up to 64 letters, digits, - or _."""

    kind = ErrorKind.INVALID
    code = "client_seed_invalid"
    title = _("A client seed is up to 64 letters, digits, hyphens or underscores.")


class RequestReused(DomainError):
    """The same request id came before with other content."""

    kind = ErrorKind.UNPROCESSABLE
    code = "idempotency_key_reused"
    title = _("This Idempotency-Key was already used for a different request.")


class DrawConflict(DomainError):
    """Another draw of the same member came in between; trying again is safe."""

    kind = ErrorKind.CONFLICT
    code = "draw_conflict"
    title = _("Another draw of yours came in between, please try again.")


class AlreadySignedIn(DomainError):
    """One sign-in a day."""

    kind = ErrorKind.CONFLICT
    code = "already_signed_in"
    title = _("You have signed in today already.")


class MonthInvalid(DomainError):
    """A month is written YYYY-MM."""

    kind = ErrorKind.INVALID
    code = "month_invalid"
    title = _("A month is written as YYYY-MM.")


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


class IllegalTransition(DomainError):
    """The state machine has no such step."""

    kind = ErrorKind.CONFLICT
    code = "illegal_transition"
    title = _("This step is not possible from the present state.")


class TimeZoneUnknown(DomainError):
    """Not a name of the IANA time zone database."""

    code = "time_zone_unknown"
    title = _("This time zone is not known.")


class TimeZoneFixed(DomainError):
    """The days of an activity that has left its draft are those of one time zone; `time_zone` is in the context."""

    kind = ErrorKind.CONFLICT
    code = "time_zone_fixed"
    title = _("The time zone cannot change once the activity has started: its limits count days and months by it.")


class WindowInvalid(DomainError):
    """An activity ends after it starts."""

    code = "window_invalid"
    title = _("An activity must end after it starts.")


class StockBelowIssued(DomainError):
    """A total cannot go below what has been given out."""

    kind = ErrorKind.CONFLICT
    code = "stock_below_issued"
    title = _("The stock cannot be lower than what has been issued.")


class StockBelowSold(DomainError):
    """An item's stock cannot go below what has been sold; `sold` and `stock` are in the context."""

    kind = ErrorKind.CONFLICT
    code = "stock_below_sold"
    title = _("The stock cannot be lower than what has been sold.")


class ReasonMissing(DomainError):
    """Operator actions on odds, state and stock need a reason."""

    code = "reason_missing"
    title = _("Please give a reason.")


class OddsImmutable(DomainError):
    """Only a draft can change."""

    kind = ErrorKind.CONFLICT
    code = "odds_immutable"
    title = _("Published odds cannot change; make a new draft.")


class OddsNotPublishable(DomainError):
    """Base of everything that keeps a draft from being published."""

    kind = ErrorKind.UNPROCESSABLE
    code = "odds_not_publishable"
    title = _("These odds cannot be published.")


class OddsWithoutPrizes(OddsNotPublishable):
    code = "odds_without_prizes"
    title = _("The draft has no prizes.")


class OddsTotalOutOfRange(OddsNotPublishable):
    code = "odds_total_out_of_range"
    title = _("The declared total must be between 1 and 1 000 000 000.")


class OddsWeightNotPositive(OddsNotPublishable):
    code = "odds_weight_not_positive"
    title = _("Every prize needs a weight of at least 1.")


class OddsWeightsMismatch(OddsNotPublishable):
    code = "odds_weights_mismatch"
    title = _("The weights do not add up to the declared total.")


class OddsPositionOutOfRange(OddsNotPublishable):
    code = "odds_position_out_of_range"
    title = _("Positions go from 0 to 7.")


class OddsPositionRepeated(OddsNotPublishable):
    code = "odds_position_repeated"
    title = _("Two prizes share a position.")


class OddsKindUnknown(OddsNotPublishable):
    code = "odds_kind_unknown"
    title = _("A prize has an unknown kind.")


class OddsAmountInvalid(OddsNotPublishable):
    code = "odds_amount_invalid"
    title = _("Quota and points prizes need an amount above zero, nothing has none.")


class OddsStockForeign(OddsNotPublishable):
    code = "odds_stock_foreign"
    title = _("A prize draws on the stock of another activity.")


class OddsFallbackMissing(OddsNotPublishable):
    code = "odds_fallback_missing"
    title = _("One prize must be the fallback.")


class OddsFallbackAmbiguous(OddsNotPublishable):
    code = "odds_fallback_ambiguous"
    title = _("Only one prize can be the fallback.")


class OddsFallbackLimited(OddsNotPublishable):
    code = "odds_fallback_limited"
    title = _("The fallback must be unlimited.")
