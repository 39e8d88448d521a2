"""What an answer may cost and does cost, in milli-credits: the only place that reads the terms of a price."""

from apps.chat.contracts import PerAnswer


def most(price: PerAnswer) -> int:
    """The most that an answer at this price can cost: what is set aside before it is begun."""
    return price.answer_milli


def charge(price: PerAnswer, *, is_delivered: bool) -> int:
    """What an answer at this price costs if quota pays, never more than most(): nothing unless it was delivered."""
    return price.answer_milli if is_delivered else 0
