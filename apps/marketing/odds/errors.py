"""Why odds cannot be found, edited or published."""

from apps.kernel.errors import DomainError, ErrorKind, _


class OddsNotFound(DomainError):
    """No such published odds version."""

    kind = ErrorKind.NOT_FOUND
    code = "odds_not_found"
    title = _("There are no such published odds.")


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


class DraftChanged(DomainError):
    kind = ErrorKind.CONFLICT
    code = "draft_changed"
    title = _("Somebody else has changed this draft. Open it again.")


class OddsPositionRepeated(OddsNotPublishable):
    code = "odds_position_repeated"
    title = _("Two prizes share a position.")


class OddsKindUnknown(OddsNotPublishable):
    code = "odds_kind_unknown"
    title = _("A prize has an unknown kind.")


class OddsAmountInvalid(OddsNotPublishable):
    code = "odds_amount_invalid"
    title = _("A prize has an amount in which its kind does not come.")


class OddsStockForeign(OddsNotPublishable):
    code = "odds_stock_foreign"
    title = _("A prize draws on the stock of another activity.")


class OddsStockEmpty(OddsNotPublishable):
    code = "odds_stock_empty"
    title = _("A limited prize has nothing left to give.")


class OddsFallbackMissing(OddsNotPublishable):
    code = "odds_fallback_missing"
    title = _("One prize must be the fallback.")


class OddsFallbackAmbiguous(OddsNotPublishable):
    code = "odds_fallback_ambiguous"
    title = _("Only one prize can be the fallback.")


class OddsFallbackLimited(OddsNotPublishable):
    code = "odds_fallback_limited"
    title = _("The fallback must be unlimited.")
