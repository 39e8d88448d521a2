"""What answers hold and cost, and who may ask which model, walked both ways."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from django.db.models import BigIntegerField, Case, CharField, Exists, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Cast, Coalesce, Concat

from apps.chat import rules
from apps.chat.contracts import QUOTA, GenerationState, ModelKind, PaidBy, PriceKind, Role, Usage
from apps.chat.models import (
    FOR_PROGRAMS,
    UNSETTLED,
    AnswerUsage,
    Attempt,
    ChatModel,
    Entitlement,
    Generation,
    ImageRate,
    Message,
    RouteCost,
)
from apps.chat.rules import charging
from apps.chat.services.quota import entitlement_causes
from apps.kernel.ids import first_id_at
from apps.kernel.invariants import SHOWN, Breach, first_key_at, invariant, rows
from apps.ledger import services as ledger
from apps.ledger.contracts import Movement, Reservation

_CAUSE = "chat.generation"
# How far the clocks of our hosts may be apart.
_CLOCKS_APART = timedelta(minutes=2)
# Of a generation, of which no check has a use.
_TEXTS = (*FOR_PROGRAMS, "text", "reasoning")
_UNSETTLED = ", ".join(f"'{state}'" for state in UNSETTLED)

_HELD = ledger.declare_reservation(
    reservation=Reservation(
        cause_type=_CAUSE,
        expected=f"""
            SELECT UUID_TEXT(id) AS cause_id, UUID_TEXT(user_id) AS member, '{QUOTA}' AS asset, held_milli AS amount,
                   CASE WHEN state IN ({_UNSETTLED}) THEN 1 ELSE 0 END AS is_pending, charged_milli AS posted,
                   COALESCE(settled_at, created_at) AS at
            FROM chat_generation WHERE paid_by = 'quota'
        """,  # noqa: S608  # our own word
    )
)
_CHARGED = ledger.declare_movement(
    movement=Movement(
        cause_type=_CAUSE,
        leg="hold",
        system="revenue",
        into_member=False,
        expected=f"""
            SELECT UUID_TEXT(id) AS cause_id, UUID_TEXT(user_id) AS member, '{QUOTA}' AS asset,
                   charged_milli AS amount, settled_at AS at
            FROM chat_generation WHERE charged_milli > 0
        """,  # noqa: S608  # our own word
    )
)
_OTHER_HOLDS = """
SELECT generation.id FROM chat_generation AS generation LEFT JOIN ledger_hold AS hold ON hold.id = generation.hold_id
WHERE generation.paid_by = 'quota' AND hold.id IS NULL AND generation.id >= %s
"""
_KEYS = f"""
SELECT api_key.id, api_key.spent_milli, COALESCE(SUM(
    CASE WHEN generation.state IN ({_UNSETTLED}) THEN generation.held_milli ELSE generation.charged_milli END), 0)
FROM accounts_apikey AS api_key
LEFT JOIN chat_generation AS generation ON generation.api_key_id = api_key.id AND generation.paid_by = 'quota'
GROUP BY api_key.id, api_key.spent_milli
HAVING api_key.spent_milli <> COALESCE(SUM(
    CASE WHEN generation.state IN ({_UNSETTLED}) THEN generation.held_milli ELSE generation.charged_milli END), 0)
"""  # noqa: S608  # the states are our own words


@invariant("I-17", "each generation's hold and charge agree with its state", windowed=True)
def charges_equal_the_ledger(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Generations whose hold or movement is missing or says otherwise, and holds and charges without a generation."""
    yield from ledger.reservation_breaches(reservation=_HELD, since=since)
    yield from ledger.movement_breaches(movement=_CHARGED, since=since)
    for (generation,) in rows(_OTHER_HOLDS, [first_key_at(since)]):
        yield Breach(f"generation {generation}", "points at a hold that does not exist")


@invariant("I-17-answers", "every answer has the generation that paid for it", windowed=True)
def answers_were_generated(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Assistants' messages without a generation: what it cost was deleted with it."""
    answers = Message.objects.filter(role=Role.ASSISTANT)
    if since is not None:
        answers = answers.filter(pk__gte=first_id_at(since))
    for pk in answers.exclude(Exists(Generation.objects.filter(message=OuterRef("pk")))).values_list("pk")[:SHOWN]:
        yield Breach(f"message {pk[0]}", "an answer without its generation")


@invariant("I-17-keys", "what an API key spent is what its answers cost")
def keys_spent_what_their_answers_cost(now: datetime) -> Iterable[Breach]:
    """Keys whose counter differs from the answers asked with them, the running ones at their hold."""
    for key, counted, spent in rows(_KEYS):
        yield Breach(f"API key {key}", f"{counted} counted, {spent} spent")


_INPUT, _OUTPUT = (
    Cast(f"{tokens}_tokens", BigIntegerField()) * F(f"price__{what}_milli")
    for tokens, what in (("asked", "input"), ("max_output", "output"))
)
_EXTRA = sum(
    (
        Case(When(**{said: True}, then=Cast(f"price__{what}_milli", BigIntegerField())), default=Value(0))
        for said, what in (("thinks", "think"), ("searches", "search"))
    ),
    start=Value(0),
)
# charging.most() in the database's words.
_MOST = _EXTRA + Case(
    When(price__kind=PriceKind.PER_ANSWER, then=Cast("price__answer_milli", BigIntegerField())),
    When(
        price__kind=PriceKind.PER_IMAGE,
        then=F("images") * Cast(Coalesce("image_rate__milli", "price__image_milli"), BigIntegerField()),
    ),
    default=(_INPUT + _OUTPUT + 999) / 1000,
)


@invariant(
    "I-17-price", "every answer was asked at a price of its model, and no more is held than that asks", windowed=True
)
def prices_are_of_their_models(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Models and generations with another model's price, or another price's rate, models whose price counts what they
    do not make, and holds that are not the most that the price can ask.
    """
    for model in ChatModel.objects.select_related("price").order_by("pk"):
        if not rules.is_fitting(model.price.terms, kind=ModelKind(model.kind)):
            yield Breach(f"model {model.pk}", f"of {model.kind} at price {model.price.code}, {model.price.kind}")
    for model in ChatModel.objects.exclude(price__code=_price_of("code")).order_by("pk")[:SHOWN]:
        yield Breach(f"model {model.pk}", f"at price {model.price_id}, which is another's")
    asked = Generation.objects.select_related("price", "model").defer(*_TEXTS)
    if since is not None:
        asked = asked.filter(pk__gte=first_id_at(since))
    for row in asked.filter(~Q(price__code=_price_of("model__code"))).order_by("pk")[:SHOWN]:
        yield Breach(f"generation {row.pk}", f"of {row.model.code} at price {row.price.code}")
    for row in asked.filter(image_rate__isnull=False).exclude(image_rate__price=F("price")).order_by("pk")[:SHOWN]:
        yield Breach(f"generation {row.pk}", f"at price {row.price.code} by a rate of another")
    for row in asked.filter(Q(paid_by=PaidBy.QUOTA) & ~Q(held_milli=_MOST)).order_by("pk")[:SHOWN]:
        yield Breach(f"generation {row.pk}", f"{row.held_milli} held at price {row.price.code}")


@invariant("I-17-usage", "every settled answer has its usage, and costs what its price makes of it", windowed=True)
def charges_follow_from_their_usage(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Each charge computed again from its price, its end and its counts; our own cost from the version that it names.

    Settled answers without a usage, and usages that say another price, model, charge or cost than that.
    """
    settled = Generation.objects.exclude(state__in=UNSETTLED)
    usages = AnswerUsage.objects.select_related("generation__image_rate", "price", "route", "cost")
    usages = usages.prefetch_related("price__rates").defer(*(f"generation__{name}" for name in _TEXTS))
    if since is not None:
        settled, usages = settled.filter(pk__gte=first_id_at(since)), usages.filter(pk__gte=first_id_at(since))
    missing = settled.exclude(Exists(AnswerUsage.objects.filter(generation=OuterRef("pk"))))
    for pk in missing.order_by("pk").values_list("pk", flat=True)[:SHOWN]:
        yield Breach(f"generation {pk}", "settled without a usage")
    costs = _costs_by_route()
    for row in usages.order_by("pk").iterator(chunk_size=2000):
        if differing := _differing(row, costs.get(row.route_id, [])):
            yield Breach(f"usage of generation {row.pk}", f"another {differing} than follows from it")


def _costs_by_route() -> Mapping[UUID | None, list[RouteCost]]:
    """The versions of what each route costs us, oldest first."""
    costs: defaultdict[UUID | None, list[RouteCost]] = defaultdict(list)
    for cost in RouteCost.objects.order_by("number"):
        costs[cost.route_id].append(cost)
    return costs


def _in_force(costs: Sequence[RouteCost], at: datetime) -> set[UUID | None]:
    """The versions that may have counted then: a host's clock, and its copy, may be behind."""
    before = [cost.pk for cost in costs if cost.created_at <= at - _CLOCKS_APART]
    lately = [cost.pk for cost in costs if at - _CLOCKS_APART < cost.created_at <= at + _CLOCKS_APART]
    return {before[-1] if before else None, *lately}


def _rate(row: AnswerUsage) -> ImageRate | None:
    """The rate of its price that follows from what was asked for."""
    asked = row.generation
    return charging.rate_for(row.price.rates.all(), size=asked.image_size, quality=asked.image_quality)


def _differing(row: AnswerUsage, costs: Sequence[RouteCost]) -> str:
    """What of a usage is not as its generation, its price and its counts make it; nothing where all is."""
    asked = row.generation
    usage = Usage(**{field.name: getattr(row, field.name) for field in fields(Usage)})
    is_whole = rules.is_whole(state=GenerationState(asked.state), finish_reason=asked.finish_reason)
    extra = charging.on_top(row.price.extras, thinks=asked.thinks, searches=asked.searches)
    how = {"is_delivered": asked.is_delivered, "is_whole": is_whole}
    terms = row.price.terms_at(asked.image_rate)
    cost = charging.cost(terms, usage=usage, extra_milli=extra, **how)
    charged = min(cost, asked.held_milli)
    kind = rules.kind_of(terms)
    is_ours = asked.error_code in {rules.ENGINE_LOST, rules.INTERNAL}
    follows = {
        "moment": asked.settled_at == row.created_at,
        "delivery": not asked.is_delivered or ((row.kept_tokens or row.images or row.vectors) and not is_ours),
        "number of embeddings": (row.vectors > 0) is (asked.is_delivered and kind is ModelKind.EMBEDDING),
        "number of images": (row.images > 0) is (asked.is_delivered and kind is ModelKind.IMAGE)
        and row.images <= asked.images,
        "model": row.model_id == asked.model_id and (row.route is None or row.route.model_id == row.model_id),
        "route": asked.route_id in {None, row.route_id},
        "price": row.price_id == asked.price_id,
        "rate": asked.image_rate == _rate(row),
        "count": (row.input_tokens, row.output_tokens) == (asked.prompt_tokens, asked.completion_tokens),
        "charge": row.charged_milli == asked.charged_milli == charged,
        "extras": row.extra_milli == (extra if asked.is_delivered else 0),
        # Whose own key asked cost us nothing.
        "version of our cost": row.cost_id
        in (_in_force(costs, row.created_at) if asked.own_key_id is None else {None}),
        "rest": row.absorbed_milli == (cost - charged if asked.hold_id is not None else 0),
    }
    if row.cost is not None:
        of_route = charging.upstream_cost(row.cost.terms, usage=usage)
        follows["cost"] = (row.cost.route_id, row.cost_microyuan) == (row.route_id, of_route)
    return ", ".join(name for name, is_so in follows.items() if not is_so)


@invariant("I-17-attempts", "every answer was written where it was asked last", windowed=True)
def answers_come_from_their_last_attempt(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Answers that an engine ended, whose last attempt is of another route than their usage says, or gone."""
    last = Attempt.objects.filter(generation=OuterRef("pk")).order_by("-number").values("route")[:1]
    usages = AnswerUsage.objects.filter(generation__is_delivered=True, route__isnull=False, latency_ms__isnull=False)
    if since is not None:
        usages = usages.filter(pk__gte=first_id_at(since))
    elsewhere = usages.annotate(asked_at=Subquery(last)).filter(Q(asked_at=None) | ~Q(asked_at=F("route")))
    for row in elsewhere.order_by("pk")[:SHOWN]:
        yield Breach(f"usage of generation {row.pk}", f"of route {row.route_id}, asked last at {row.asked_at}")


def _price_of(model: str) -> Concat:
    """The code of a model's price: of the model in this column, the price in `price`."""
    return Concat(F(model), Value("/"), Cast("price__number", CharField()))


@invariant("I-50-list", "every entitlement has a cause of the closed list")
def entitlements_have_known_causes(now: datetime) -> Iterable[Breach]:
    """Entitlements that no app declares to give; whether the cause gave them is that app's check."""
    unknown = Entitlement.objects.exclude(cause_type__in=entitlement_causes())
    for row in unknown.order_by("pk")[:SHOWN]:
        yield Breach(f"entitlement {row.pk}", f"its cause {row.cause_type} is not in the list")


@invariant("I-50-ends", "a right ends when its grants say")
def entitlements_end_as_granted(now: datetime) -> Iterable[Breach]:
    """Grants that are not the next of their right, or whose end is not what the ends before and their days make."""
    grants = Entitlement.objects.order_by("user_id", "model_id", "number")
    for _, right in groupby(grants.iterator(chunk_size=2000), key=lambda grant: (grant.user_id, grant.model_id)):
        number, ends_at = 0, None
        for grant in right:
            before = ends_at if number else grant.created_at
            number, ends_at = number + 1, rules.lengthened(ends_at=before, days=grant.days, now=grant.created_at)
            if (grant.number, grant.ends_at) != (number, ends_at):
                yield Breach(f"entitlement {grant.pk}", f"number {grant.number} until {grant.ends_at}")


@invariant("I-17-messages", "a message is its member's, and follows one of the same conversation", windowed=True)
def messages_are_of_their_conversation(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Messages of somebody else than their conversation, below another one's message, and answers to no question."""
    strange = Message.objects.filter(
        ~Q(user_id=F("conversation__user_id"))
        | (Q(parent__isnull=False) & ~Q(parent__conversation_id=F("conversation_id")))
        | Q(role=Role.ASSISTANT, parent=None)
    )
    if since is not None:
        strange = strange.filter(pk__gte=first_id_at(since))
    for pk in strange.order_by("pk").values_list("pk", flat=True)[:SHOWN]:
        yield Breach(f"message {pk}", "in a conversation that it does not belong to")


@invariant("I-17-owner", "an answer belongs to whoever asked", windowed=True)
def generations_belong_to_their_message(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Generations of somebody else's message or conversation, or of a message that is no answer."""
    shown = Generation.objects.filter(message__isnull=False)
    own = Q(message__user_id=F("user_id"), message__conversation__user_id=F("user_id"))
    strange = shown.exclude(own, message__role=Role.ASSISTANT)
    if since is not None:
        strange = strange.filter(pk__gte=first_id_at(since))
    for row in strange.order_by("pk")[:SHOWN]:
        yield Breach(f"generation {row.pk}", f"of message {row.message_id}, which is somebody else's or no answer")
