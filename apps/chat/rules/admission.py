"""The rules that the site is built with, as apps.py registers them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil

from apps.accounts.contracts import MemberStatus
from apps.accounts.errors import KeySpendCapReached, MemberBlocked, MemberClosed, MemberFrozen, ModelNotAllowed
from apps.chat import errors
from apps.chat.contracts import ModelKind, Role
from apps.chat.rules import limits
from apps.chat.rules.chain import Question, Rule
from apps.chat.rules.networks import is_within
from apps.chat.rules.requests import says_something
from apps.kernel.errors import DomainError, _

_EMBEDDINGS = frozenset({ModelKind.EMBEDDING})
# How a model of another kind is refused; who wants a text may be told of any.
_OTHER_KIND: Mapping[frozenset[ModelKind], type[DomainError]] = {
    _EMBEDDINGS: errors.ModelEmbedsNothing,
    frozenset({ModelKind.IMAGE}): errors.ModelDrawsNothing,
}


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How many questions, or tokens, a minute takes, how many of them are left, and in how many seconds more are."""

    limit: int
    remaining: int
    reset_seconds: int


def free_per_day(limit: int, *, is_spared: bool) -> int:
    """How many answers of a day are free, by the operators' limit; who is white-listed is hardly held to it."""
    return max(limit, limits.FREE_PER_DAY_WHEN_SPARED) if limit and is_spared else limit


class Size(Rule):
    """A question says something, and no more than the operators' limit."""

    code = "size"
    label = _("Size of a message")
    purpose = _("A message says something, and is no longer than the limit.")
    may_switch = False
    refusals = (errors.MessageEmpty, errors.MessageTooLong)

    def judge(self, question: Question) -> Question:
        """Raises MessageEmpty, MessageTooLong."""
        if question.turns[-1].role is Role.TOOL:
            # Not a member says it; a tool may have nothing to say, or much: what a request may be bounds it.
            return question
        if not says_something(question.turns[-1]):
            raise errors.MessageEmpty
        if question.wanted == _EMBEDDINGS:
            # Many texts, and no message: what inputs may be bounds them.
            return question
        if len(question.text) > question.policy.max_message_chars:
            raise errors.MessageTooLong(limit=question.policy.max_message_chars)
        return question


class AccessLimit(Rule):
    """So many answers of a local day are free; whether one is left, the statement that takes it knows."""

    code = "access-limit"
    label = _("Free allowance of the day")
    purpose = _("How many answers of a day are free; switched off, none.")
    refusals = ()

    def judge(self, question: Question) -> Question:
        """Says how many are free."""
        # What is free is a number of messages: one of them would pay for any number of images, or of texts to embed.
        if not question.is_in_free_allowance or question.model_kind is not ModelKind.TEXT:
            return question
        free = free_per_day(question.policy.free_per_day, is_spared=question.asker.is_spared)
        return replace(question, free_per_day=free)


class Frequency(Rule):
    """So many questions a minute; a white list spares its members this. Where nobody counts, nobody is refused."""

    code = "frequency"
    label = _("Frequency")
    purpose = _("A member asks so many questions a minute, whatever browser or program asks.")
    refusals = (errors.AskedTooOften,)

    def judge(self, question: Question) -> Question:
        """Raises AskedTooOften, TooManyAnswers."""
        limit, lately = question.policy.max_per_minute, question.lately.of_member
        if lately is None or question.asker.is_spared or len(lately) + question.answers <= limit:
            return question
        raise errors.AskedTooOften(limit=limit, retry_after=_wait(question, lately, limit=limit))


class KeyFrequency(Rule):
    """So many questions, and tokens, a minute with one key, as its owner wished when it was made.

    A white list changes nothing.
    """

    code = "key-frequency"
    label = _("Frequency of a key")
    purpose = _("A program asks so many questions a minute, and for so many tokens, as its API key allows.")
    may_switch = False
    # The tokens of the minute are counted once the answer is in the queue: services/key_tokens.py.
    refusals = (errors.KeyAskedTooOften, errors.KeyTokensUsedUp, errors.RequestBeyondKeyTokens)

    def judge(self, question: Question) -> Question:
        """Raises KeyAskedTooOften, TooManyAnswers."""
        limit = question.key.requests_per_minute if question.key is not None else None
        lately = question.lately.of_key
        if limit is None or lately is None or len(lately) + question.answers <= limit:
            return question
        raise errors.KeyAskedTooOften(limit=limit, retry_after=_wait(question, lately, limit=limit))


def rate_of(question: Question) -> Rate | None:
    """How many more questions a minute takes behind this one, by the limit that is nearer; None where nobody counts."""
    key = question.key
    counted = []
    if question.lately.of_member is not None and not question.asker.is_spared:
        counted.append((question.policy.max_per_minute, question.lately.of_member))
    if key is not None and key.requests_per_minute is not None and question.lately.of_key is not None:
        counted.append((key.requests_per_minute, question.lately.of_key))
    if not counted:
        return None
    limit, lately = min(counted, key=lambda each: each[0] - len(each[1]))
    until = seconds_until(min((*lately, question.now)), now=question.now)
    return Rate(limit=limit, remaining=max(0, limit - len(lately) - question.answers), reset_seconds=until)


def seconds_until(asked_at: datetime, *, now: datetime) -> int:
    """Whole seconds, 1 or more, until what was asked then counts no longer."""
    return max(1, ceil((asked_at + limits.FREQUENCY_WINDOW - now).total_seconds()))


def _wait(question: Question, lately: tuple[datetime, ...], *, limit: int) -> int:
    """Seconds until there is room: with that one gone, as many are left as may be.

    Raises TooManyAnswers where no minute has room for so many.
    """
    if question.answers > max(limit, 1):
        raise errors.TooManyAnswers(limit=limit)
    return seconds_until(lately[len(lately) + question.answers - 1 - limit], now=question.now)


class SystemPrompts(Rule):
    """Nobody outside speaks as the system, unless operators switch this off."""

    code = "system-prompts"
    label = _("System prompts of programs")
    purpose = _("Requests that speak as the system are refused; switched off, they are passed on as they are.")
    refusals = (errors.SystemPromptRefused,)

    def judge(self, question: Question) -> Question:
        """Raises SystemPromptRefused."""
        if any(turn.role is Role.SYSTEM for turn in question.turns):
            raise errors.SystemPromptRefused
        return question


class BlackList(Rule):
    """Who is held back from chat, and who asks from a network that is, does not ask."""

    code = "black-list"
    label = _("Black list")
    purpose = _("Members on a black list for chat, and whoever asks from a blocked network, do not ask.")
    refusals = (MemberBlocked, errors.NetworkBlocked)

    def judge(self, question: Question) -> Question:
        """Raises MemberBlocked, NetworkBlocked."""
        if question.asker.is_blocked:
            raise MemberBlocked(scope="chat")
        if question.blocked_networks and is_within(question.address, question.blocked_networks):
            raise errors.NetworkBlocked
        return question


class AccountStatus(Rule):
    """Frozen and closed accounts do not ask."""

    code = "account-status"
    label = _("Status of the account")
    purpose = _("Frozen and closed accounts do not ask.")
    may_move = may_switch = False
    refusals = (MemberFrozen, MemberClosed)

    def judge(self, question: Question) -> Question:
        """Raises MemberFrozen, MemberClosed."""
        if question.asker.status is MemberStatus.CLOSED:
            raise MemberClosed
        if question.asker.status is not MemberStatus.ACTIVE:
            raise MemberFrozen
        return question


class ModelPermission(Rule):
    """The model is on offer and makes what is wanted, its right is there if it needs one, the API key may use it.

    Rights are sold with our quota: who asks with an own key needs none.
    """

    code = "model-permission"
    label = _("Right to the model")
    purpose = _("The model is on offer, and the member and the API key may use it.")
    may_move = may_switch = False
    refusals = (
        errors.ModelNotFound,
        errors.ModelWritesNoText,
        errors.ModelEmbedsNothing,
        errors.ModelDrawsNothing,
        errors.ModelNotEntitled,
        ModelNotAllowed,
    )

    def judge(self, question: Question) -> Question:
        """Raises ModelNotFound, ModelWritesNoText, ModelEmbedsNothing, ModelDrawsNothing, ModelNotAllowed,
        ModelNotEntitled.
        """
        if not question.is_model_enabled:
            raise errors.ModelNotFound(model=question.model)
        # Before the right to it: nobody shall buy one for this.
        if question.model_kind not in question.wanted:
            raise _OTHER_KIND.get(question.wanted, errors.ModelWritesNoText)(model=question.model)
        key = question.key
        if key is not None and key.allowed_models and question.model not in key.allowed_models:
            raise ModelNotAllowed(model=question.model)
        if question.needs_entitlement and not (question.is_entitled or question.has_own_key):
            raise errors.ModelNotEntitled(model=question.model)
        return question


class Quota(Rule):
    """The reserve, last of all: what pays is taken by conditional statements of services/paying.py, which are under
    their own locks; nothing is decided from a balance that was read before.
    """

    code = "quota"
    label = _("Quota")
    purpose = _("Sets aside what the answer may cost; the last of all.")
    may_move = may_switch = False
    refusals = (errors.QuotaExhausted, errors.TooManyRunning, errors.TooManyUnpaid, KeySpendCapReached)

    def judge(self, question: Question) -> Question:
        """Hands it on: the statements refuse."""
        return question
