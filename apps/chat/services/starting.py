"""Starting a generation: what is refused, and the queue. A conversation is one of those who ask for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any

from django.db import transaction

from apps.accounts import services as accounts
from apps.accounts.contracts import IdentifiedKey, ListScope
from apps.chat import errors, rules, selectors
from apps.chat.contracts import GenerationDetail, ModelKind, StoredPicture, TextDirection, Turn
from apps.chat.engine import feed
from apps.chat.models import ChatModel, Generation
from apps.chat.rules.admission import Rate, rate_of
from apps.chat.rules.chain import Lately
from apps.chat.rules.options import SEARCH, asks_to_think
from apps.chat.rules.tool_use import text_of_call
from apps.chat.services import paying
from apps.chat.services.chain import asking, blocked_networks, chain
from apps.chat.services.counting import count_request
from apps.chat.services.key_tokens import check_key_tokens
from apps.chat.services.paying import Admitted
from apps.chat.services.pictures import keep_asked_with, take_back, take_in
from apps.chat.services.word_lists import record_found, sifting
from apps.chat.words.gate import Sifted
from apps.kernel import switches
from apps.kernel.db import insert
from apps.kernel.errors import DomainError, OfferChanged
from apps.kernel.ids import UserId

_NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Started:
    """What was started for a program, how often more may be asked, and for how many tokens; None where nobody counts.

    As many generations for each request, in their order, as answers were asked for.
    """

    generations: tuple[GenerationDetail, ...]
    rate: Rate | None
    token_rate: Rate | None


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Who asks which model, by what, from where and when."""

    user_id: UserId
    model: str
    key: IdentifiedKey | None
    address: str
    # What the operators' words make of a text.
    sift: Callable[[str], Sifted]
    now: datetime
    # Text that goes with the question (Question.beside).
    beside: str = ""
    # The version of the price that the asker was shown (rules.offer_of), "" for whoever takes the present one.
    offer: str = ""
    # How many answers are asked for in all.
    answers: int = 1
    # What the model shall make.
    wanted: frozenset[ModelKind] = frozenset({ModelKind.TEXT})


def start_generation(
    *,
    user_id: UserId,
    model: str,
    request: Any,
    now: datetime,
    key: IdentifiedKey | None = None,
    address: str = "",
    max_output_tokens: int | None = None,
    options: Mapping[str, Any] = _NO_OPTIONS,
) -> GenerationDetail:
    """Start the answer to a request that belongs to no conversation; each call starts and pays another.

    `request` is JSON: a list of turns, each a role and its parts (`rules.read_request`). Paid as in ask_question(), for
    at most `max_output_tokens` (1 or more) of an answer where it is to be shorter than the model's longest. `options`,
    what else the answer shall be like, is what rules.options.read_options() gave.
    Raises RequestNotValid, RequestTooLong, ImagesNotUnderstood, SystemPromptRefused, ParameterNotOffered (tools, for
    a model that uses none), of pictures TooManyPictures, PictureNotUnderstood, PictureTooLarge, PicturesFull,
    PicturesTakeTurns, RateLimited, Busy, and what ask_question() raises but for conversations and messages.
    """
    return start_for_program(
        user_id=user_id, model=model, requests=[request], now=now, key=key, address=address,
        max_output_tokens=max_output_tokens, options=options,
    ).generations[0]  # fmt: skip


def start_for_program(
    *,
    user_id: UserId,
    model: str,
    requests: Sequence[Any],
    now: datetime,
    answers: int = 1,
    key: IdentifiedKey | None = None,
    address: str = "",
    max_output_tokens: int | None = None,
    options: Mapping[str, Any] = _NO_OPTIONS,
) -> Started:
    """start_generation() for each request, with so many answers to each; all of them, or none.

    Each answer is a generation that is paid for by itself, and counts as a question of its own.
    Raises what start_generation() raises, and TooManyAnswers.
    """
    requests, stored = take_in(requests, user_id=user_id, model=model, now=now)
    try:
        return _start_or_count(
            requests, stored=stored, answers=answers, max_output_tokens=max_output_tokens, options=options,
            user_id=user_id, model=model, key=key, address=address, now=now,
        )  # fmt: skip
    except DomainError:
        take_back(stored)
        raise


def _start_or_count(requests: Sequence[Any], *, options: Mapping[str, Any], model: str, **more: Any) -> Started:
    read = [rules.read_request(request) for request in requests]
    start = partial(_start, read, options=options, model=model, **more)
    try:
        return start(exact_tokens=[None] * len(read))
    except errors.RequestTooLong:
        # By our estimate, which is rather too high: before somebody is refused for it, it is counted.
        counts = [count_request(turns, options, model=model) for turns in read]
        if None in counts:
            raise
        return start(exact_tokens=counts)


def _start(
    read: Sequence[tuple[Turn, ...]],
    *,
    answers: int,
    max_output_tokens: int | None,
    options: Mapping[str, Any],
    exact_tokens: Sequence[int | None],
    stored: Sequence[StoredPicture],
    **who: Any,
) -> Started:
    number = answers * len(read)
    asked = [_asking(turns, options, answers=number, **who) for turns in read]
    begin = asking(user_id=who["user_id"], key=who["key"], now=who["now"], answers=number)
    with begin as lately, transaction.atomic():
        begun: list[tuple[Admitted, list[Generation]]] = []
        for (turns, each), exact in zip(asked, exact_tokens, strict=True):
            asker = admit(each, turns=turns, lately=lately)
            asks = _asks(asker, options, most_output_tokens=max_output_tokens, exact_tokens=exact)
            rows = paying.paid_generations(asker, asks, answers=answers)
            for row in rows:
                row.request, row.options = rules.request_of(asker.question.turns), dict(options) or None
            begun.append((asker, rows))
        # Behind the payments, which take turns.
        paying.check_room(asker)
        for asker, rows in begun:
            token_rate = queue(*rows, asker=asker)
        keep_asked_with(row=begun[0][1][0], stored=stored, now=who["now"])
    started = tuple(selectors.generation_detail(row) for _, rows in begun for row in rows)
    return Started(generations=started, rate=rate_of(asker.question), token_rate=token_rate)


def _asking(turns: tuple[Turn, ...], options: Mapping[str, Any], **who: Any) -> tuple[tuple[Turn, ...], Asking]:
    """What is asked, looked through before any transaction begins."""
    calls = (call for turn in turns for call in turn.calls)
    beside = "\n".join(filter(None, (rules.text_of_options(options), *map(text_of_call, calls))))
    return turns, Asking(sift=sifting(turns, beside=beside), beside=beside, **who)


def _asks(
    asker: Admitted, options: Mapping[str, Any], *, most_output_tokens: int | None, exact_tokens: int | None
) -> paying.Asks:
    """How much the model has to read. Raises RequestTooLong, and ParameterNotOffered for what it cannot do."""
    model, turns = asker.facts.model, asker.question.turns
    if not model.has_vision and any(turn.pictures for turn in turns):
        raise errors.ImagesNotUnderstood
    if not model.has_tools and ("tools" in options or any(turn.calls for turn in turns)):
        raise errors.ParameterNotOffered(param="tools")
    if SEARCH in options and not model.has_search:
        raise errors.ParameterNotOffered(param=SEARCH)
    beside_tokens = rules.option_tokens(options)
    rules.check_fits(turns, beside_tokens=beside_tokens, budget_tokens=model.prompt_tokens, exact_tokens=exact_tokens)
    tokens = rules.asked_tokens(turns) + beside_tokens
    return paying.Asks(
        question_tokens=tokens,
        branch_tokens=tokens,
        most_output_tokens=most_output_tokens,
        thinks=asks_to_think(options),
        searches=SEARCH in options,
    )


def admit(asked: Asking, *, turns: Sequence[Turn], lately: Lately) -> Admitted:
    """Ask the rules; hold the person who asks, so that nobody closes the account meanwhile.

    The model is read behind that lock: one that was switched off, or became dearer, while this waited is not sold.
    What is asked may be other than it was: the rules handed it on. `lately` is what asking() says.
    """
    if not switches.is_on("chat.enabled"):
        raise errors.ChatSwitchedOff
    standing = accounts.hold_standing(user_id=asked.user_id, scope=ListScope.CHAT, now=asked.now)
    facts = selectors.model_facts(user_id=asked.user_id, code=asked.model, now=asked.now)
    if facts is None:
        raise errors.ModelNotFound(model=asked.model)
    question = rules.Question(
        turns=tuple(turns),
        asker=standing,
        key=asked.key,
        model=facts.model.code,
        is_model_enabled=facts.is_enabled,
        model_kind=ModelKind(facts.model.kind),
        wanted=asked.wanted,
        is_in_free_allowance=facts.model.is_in_free_allowance,
        needs_entitlement=facts.model.needs_entitlement,
        is_entitled=facts.is_entitled,
        policy=facts.policy,
        has_own_key=facts.own_key_id is not None,
        sift=asked.sift,
        beside=asked.beside,
        answers=asked.answers,
        now=asked.now,
        lately=lately,
        address=asked.address,
        blocked_networks=blocked_networks(),
    )
    question = rules.pass_through(question, chain())
    _check_as_shown(asked.offer, facts.model)
    return Admitted(
        user_id=asked.user_id,
        person_id=standing.person_id,
        key=asked.key,
        facts=facts,
        question=question,
        now=asked.now,
    )


def _check_as_shown(offer: str, model: ChatModel) -> None:
    """Raise OfferChanged, with the present price, where the asker was shown another one."""
    if not offer:
        return
    price, extras, is_free = model.price.terms, model.price.extras, model.is_in_free_allowance
    present = rules.offer_of(model=model.code, price=price, extras=extras, is_in_free_allowance=is_free)
    if offer != present:
        terms = {**asdict(price), **asdict(extras)}
        raise OfferChanged(offer=present, model=model.code, name=model.name, in_free_allowance=is_free, **terms)


def queue(*rows: Generation, asker: Admitted) -> Rate | None:
    """Let engines take up the answers to one question, once the caller's transaction is done.

    What is left of the tokens of the asker's key, None where nobody counts. Raises what check_key_tokens() raises.
    """
    insert(rows)
    token_rate = check_key_tokens(rows, key=asker.key, now=asker.now)
    first = rows[0]
    record_found(
        found=asker.question.found,
        direction=TextDirection.QUESTION,
        user_id=UserId(first.user_id),
        generation_id=first.pk,
        now=first.created_at,
    )
    # Whoever wakes takes all that it has room for.
    transaction.on_commit(lambda: feed.wake_engine(first.pk))
    return token_rate
