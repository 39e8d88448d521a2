"""What pays for an answer, and how many may run while nobody paid: a free use of the day first, else the quota."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, IntegerField, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from apps.accounts import services as accounts
from apps.accounts.contracts import IdentifiedKey
from apps.chat import errors, selectors
from apps.chat.contracts import QUOTA, ModelKind, PaidBy
from apps.chat.models import UNSETTLED, ChatModel, Conversation, Generation, ImageRate
from apps.chat.rules import charging
from apps.chat.rules.chain import Question
from apps.chat.rules.limits import HOLD_FOR
from apps.chat.services.free_allowance import local_day, seconds_left, take_free_use, uses_of
from apps.kernel.db import CompiledRead, Given
from apps.kernel.ids import PersonId, UserId, new_id
from apps.ledger import services as ledger

_NEVER_TOO_MANY = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """Somebody who may ask a model now: who, with which key, at which terms."""

    user_id: UserId
    person_id: PersonId
    key: IdentifiedKey | None
    facts: selectors.ModelFacts
    # As the rules handed it on.
    question: Question
    now: datetime


@dataclass(frozen=True, kw_only=True)
class Asks:
    """How much is asked, in tokens as we count them: by the question itself, and with all of the branch above it.

    `branch_tokens` is None where nobody has counted the beginning of the branch. `most_output_tokens` is how long the
    asker wants the answer to be at most; None leaves it to the model, and so does `thinks`.
    """

    question_tokens: int
    branch_tokens: int | None
    most_output_tokens: int | None = None
    thinks: bool | None = None
    searches: bool = False
    # Of images: how many, in what size and quality; "" leaves that to the model.
    images: int = 0
    image_size: str = ""
    image_quality: str = ""

    def tokens_for(self, model: ChatModel) -> int:
        """What the model will read of it at most; 0 where nobody has counted."""
        return min(self.branch_tokens or 0, max(model.prompt_tokens, self.question_tokens))

    def output_of(self, model: ChatModel) -> int:
        """How many tokens the answer may have: the model's limit, or the asker's where that is lower."""
        return min(model.max_output_tokens, self.most_output_tokens or model.max_output_tokens)


def paid_generation(asker: Admitted, asks: Asks) -> Generation:
    """A generation that is paid for and not yet queued, in the caller's transaction (paid_generations())."""
    return paid_generations(asker, asks)[0]


def paid_generations(asker: Admitted, asks: Asks, *, answers: int = 1) -> list[Generation]:
    """Generations that are paid for and not yet queued, so many for one question, in the caller's transaction.

    Each has a free use or a hold of its own; where one cannot be paid, that is raised, and the caller undoes all.
    Where the quota does not reach for the model's longest answer by the token, it may reach for a shorter one. One
    person's payments take turns: whether there is room for one more is asked after this, and cannot change.
    """
    rows = [_paid(asker, asks) for _ in range(answers)]
    if (key := asker.key) is not None:
        accounts.spend_with_key(key=key, amount_milli=sum(row.held_milli for row in rows))
        if key.max_parallel is not None:
            _check_room_of_key(key, limit=key.max_parallel, answers=asker.question.answers)
    return rows


def _paid(asker: Admitted, asks: Asks) -> Generation:
    key, model = asker.key, asker.facts.model
    row = Generation(
        id=new_id(),
        user_id=asker.user_id,
        model=model,
        price=model.price,
        image_rate=_rate_of(model, asks),
        api_key_id=key.key_id if key is not None else None,
        asked_tokens=asks.tokens_for(model),
        branch_tokens=asks.branch_tokens,
        max_output_tokens=asks.output_of(model),
        thinks=asks.thinks,
        searches=asks.searches,
        images=asks.images,
        image_size=asks.image_size,
        image_quality=asks.image_quality,
        created_at=asker.now,
    )
    _pay(row, asker)
    return row


def _rate_of(model: ChatModel, asks: Asks) -> ImageRate | None:
    """The rate of the images that are asked for; None where their price has none for them, and of texts."""
    if model.kind != ModelKind.IMAGE:
        return None
    return charging.rate_for(model.price.rates.all(), size=asks.image_size, quality=asks.image_quality)


def check_room(asker: Admitted) -> None:
    """Raise TooManyRunning or TooManyUnpaid when no more answers may run; TooManyAnswers when so many never may.

    Each running one may still come to cost us something and its owner nothing, so no more run than may do that today;
    with an own key nothing costs us anything.
    """
    limits = asker.facts.policy
    most = limits.max_running
    # Paying has written the row, whatever paid.
    ((unpaid, running),) = _IN_USE.tuples(user_id=asker.user_id, person_id=asker.person_id, day=local_day(asker.now))
    if asker.facts.own_key_id is None:
        if unpaid >= limits.max_unpaid_per_day:
            raise errors.TooManyUnpaid(limit=limits.max_unpaid_per_day, retry_after=seconds_left(asker.now))
        most = min(most, limits.max_unpaid_per_day - unpaid)
    _check_places(running, answers=asker.question.answers, most=most)


def _check_room_of_key(key: IdentifiedKey, *, limit: int, answers: int) -> None:
    """Raise TooManyRunning, or TooManyAnswers, when the key's owner wants no more of its answers at once."""
    running = _running_of(key.user_id).filter(api_key_id=key.key_id).count()
    _check_places(running, answers=answers, most=limit)


def _check_places(running: int, *, answers: int, most: int) -> None:
    if answers > max(most, 1):
        # Waiting would not help.
        raise errors.TooManyAnswers(limit=most)
    if running + answers > most:
        raise errors.TooManyRunning(limit=most, retry_after=5)


def if_there_is_room(rows: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """These conversations, or none where check_room() refuses: for one compiled statement that asks and changes.

    It is given what room_of() says.
    """
    unpaid = uses_of(Given("person_id"), Given("day")).values("unpaid")
    counted = rows.annotate(running=_number_running(), unpaid=Coalesce(Subquery(unpaid), Value(0)))
    return counted.filter(running__lt=Given("max_running")).filter(running__lt=Given("max_unpaid") - F("unpaid"))


def room_of(asker: Admitted) -> dict[str, Any]:
    """Who asks and how much may run, for if_there_is_room()."""
    limits = asker.facts.policy
    return {
        "user_id": asker.user_id,
        "person_id": asker.person_id,
        "day": local_day(asker.now),
        "max_running": limits.max_running,
        "max_unpaid": limits.max_unpaid_per_day if asker.facts.own_key_id is None else _NEVER_TOO_MANY,
    }


def _pay(row: Generation, asker: Admitted) -> None:
    """With a free use of the day, unless an extra has a price, or by a hold; with the asker's own key, not at all."""
    day = local_day(asker.now)
    if asker.facts.own_key_id is not None:
        # None is taken, and their payments take turns all the same.
        take_free_use(person_id=asker.person_id, day=day, free_per_day=0)
        row.paid_by, row.own_key_id = PaidBy.OWN_KEY, asker.facts.own_key_id
        return
    free_per_day = 0 if extra_of(row) else asker.question.free_per_day
    if take_free_use(person_id=asker.person_id, day=day, free_per_day=free_per_day):
        row.paid_by, row.free_day = PaidBy.FREE, day
        return
    hold = _hold(row, asker)
    row.paid_by, row.hold_id, row.held_milli = PaidBy.QUOTA, hold.id, hold.amount


def _hold(row: Generation, asker: Admitted) -> ledger.Hold:
    """Set aside the most that it may cost; where too little is there, shorten it to what that pays for.

    Each try is one conditional statement, which decides whatever was read before it. Raises QuotaExhausted.
    """
    price, account = row.terms, ledger.user_account(asker.user_id, QUOTA)
    try:
        return _try_to_hold(row, asker)
    except ledger.InsufficientFunds:
        available = ledger.balance(account=account).available
    asked = _asked(row)
    payable = charging.payable_output(price, available_milli=available, **asked)
    if payable is not None:
        row.is_shortened = payable < row.max_output_tokens
        row.max_output_tokens = payable
        with suppress(ledger.InsufficientFunds):
            return _try_to_hold(row, asker)
    raise errors.QuotaExhausted(price_milli=charging.least(price, **asked), available_milli=available)


def extra_of(row: Generation) -> int:
    """What an answer costs on top of its price, if it is delivered."""
    return charging.on_top(row.price.extras, thinks=row.thinks, searches=row.searches)


def _asked(row: Generation) -> dict[str, int]:
    tokens = {"input_tokens": row.asked_tokens, "output_tokens": row.max_output_tokens}
    return {**tokens, "images": row.images, "extra_milli": extra_of(row)}


def _try_to_hold(row: Generation, asker: Admitted) -> ledger.Hold:
    return ledger.hold(
        account=ledger.user_account(asker.user_id, QUOTA),
        amount=charging.most(row.terms, **_asked(row)),
        kind="chat",
        cause=ledger.Cause("chat.generation", str(row.pk)),
        deadline_at=asker.now + HOLD_FOR,
        now=asker.now,
    )


def _running_of(user_id: UserId | Given) -> QuerySet[Generation]:
    return Generation.objects.filter(user_id=user_id, state__in=UNSETTLED)


def _number_running() -> Coalesce:
    """How many answers of the given member run, for a compiled statement."""
    count = _running_of(Given("user_id")).order_by().values("user_id").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(count, output_field=IntegerField()), Value(0))


# How many answers of the day nobody paid for, and how many run now.
_IN_USE: CompiledRead[Any] = CompiledRead(
    lambda: uses_of(Given("person_id"), Given("day")).values_list("unpaid", _number_running())
)
