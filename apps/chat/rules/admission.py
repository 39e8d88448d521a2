"""The rules that the site is built with, as apps.py registers them."""

from dataclasses import replace

from apps.accounts.contracts import MemberStatus
from apps.accounts.errors import KeySpendCapReached, MemberBlocked, MemberClosed, MemberFrozen, ModelNotAllowed
from apps.chat import errors
from apps.chat.rules.chain import Question, Rule
from apps.kernel.characters import show_something
from apps.kernel.errors import _


class Size(Rule):
    """A question says something, and no more than the operators' limit."""

    code = "size"
    label = _("Size of a message")
    purpose = _("A message says something, and is no longer than the limit.")
    may_switch = False
    refusals = (errors.MessageEmpty, errors.MessageTooLong)

    def judge(self, question: Question) -> Question:
        """Raises MessageEmpty, MessageTooLong."""
        if not show_something(question.text):
            raise errors.MessageEmpty
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
        free = question.policy.free_per_day if question.is_in_free_allowance else 0
        return replace(question, free_per_day=free)


class BlackList(Rule):
    """Who is held back from chat does not ask."""

    code = "black-list"
    label = _("Black list")
    purpose = _("Members on a black list for chat do not ask.")
    refusals = (MemberBlocked,)

    def judge(self, question: Question) -> Question:
        """Raises MemberBlocked."""
        if question.asker.is_blocked:
            raise MemberBlocked(scope="chat")
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
    """The model is on offer, its right is there if it needs one, and the API key may use it."""

    code = "model-permission"
    label = _("Right to the model")
    purpose = _("The model is on offer, and the member and the API key may use it.")
    may_move = may_switch = False
    refusals = (errors.ModelNotFound, errors.ModelNotEntitled, ModelNotAllowed)

    def judge(self, question: Question) -> Question:
        """Raises ModelNotFound, ModelNotAllowed, ModelNotEntitled."""
        if not question.is_model_enabled:
            raise errors.ModelNotFound(model=question.model)
        key = question.key
        if key is not None and key.allowed_models and question.model not in key.allowed_models:
            raise ModelNotAllowed(model=question.model)
        if question.needs_entitlement and not question.is_entitled:
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
