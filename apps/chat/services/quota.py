"""What users have: quota in the ledger, free uses of the day, entitlements."""

from datetime import datetime
from uuid import UUID

from apps.accounts import services as accounts
from apps.accounts.contracts import ListScope
from apps.chat import errors, rules, selectors
from apps.chat.contracts import QUOTA, ModelKind, ModelOffer, Policy, QuotaEntry, QuotaState
from apps.chat.models import ChatModel, Entitlement
from apps.chat.rules import charging, limits
from apps.chat.services.chain import as_ruled
from apps.chat.services.free_allowance import local_day
from apps.kernel.db import one_at_a_time
from apps.kernel.ids import PersonId, UserId
from apps.kernel.paging import Page
from apps.ledger import services as ledger
from apps.ledger.contracts import Cause, Entry, Purse

_entitlement_causes: set[str] = set()


def register_entitlement_cause(*, cause_type: str) -> None:
    """Add to the closed list of what gives entitlements; called when the app's invariants are loaded."""
    _entitlement_causes.add(cause_type)


def entitlement_causes() -> frozenset[str]:
    """What may give entitlements."""
    return frozenset(_entitlement_causes)


def grant_quota(*, user_id: UserId, amount_milli: int, purse: Purse, kind: str, cause: Cause, now: datetime) -> None:
    """Give a user quota, in the caller's transaction; the same cause gives it once.

    Raises ledger.InvalidAmount, ledger.CauseConflict.
    """
    ledger.grant(
        account=ledger.user_account(user_id, QUOTA),
        amount=amount_milli,
        purse=purse,
        kind=kind,
        cause=cause,
        leg="quota",
        now=now,
    )


def take_quota(*, user_id: UserId, amount_milli: int, kind: str, cause: Cause, now: datetime) -> None:
    """Take quota from a user, in the caller's transaction; the same cause takes it once.

    Raises ledger.InsufficientFunds when less is available, ledger.InvalidAmount, ledger.CauseConflict.
    """
    ledger.spend(
        account=ledger.user_account(user_id, QUOTA),
        amount=amount_milli,
        sink="issuer",
        kind=kind,
        cause=cause,
        leg="quota",
        now=now,
    )


def grant_entitlement(*, user_id: UserId, model_id: str, cause: Cause, now: datetime, days: int | None = None) -> None:
    """Give a user the right to use a model, for some days or for ever; the same cause gives it once.

    In the caller's transaction, which gives several models in the order of their codes. Days follow those that are
    left of the right. Raises ModelNotFound.
    """
    model = ChatModel.objects.filter(code=model_id).first()
    if model is None:
        raise errors.ModelNotFound(model=model_id)
    # Each grant begins at the end of the one before.
    one_at_a_time(f"chat.entitlement:{user_id}:{model.pk}")
    grants = Entitlement.objects.filter(user_id=user_id, model=model).order_by("-number")
    if grants.filter(cause_type=cause.type, cause_id=cause.id).exists():
        return
    last = grants.first()
    Entitlement.objects.create(
        user_id=user_id,
        model=model,
        cause_type=cause.type,
        cause_id=cause.id,
        number=last.number + 1 if last else 1,
        days=days,
        ends_at=rules.lengthened(ends_at=last.ends_at if last else now, days=days, now=now),
        created_at=now,
    )


def quota_of(*, user_id: UserId, now: datetime) -> QuotaState:
    """What a user can spend on chat now."""
    person_id = accounts.person_of(user_id=user_id)
    policy = as_ruled(selectors.policy(), is_spared=_is_spared(person_id, now))
    balance = ledger.balance(account=ledger.user_account(user_id, QUOTA))
    entitled = Entitlement.objects.live(now).filter(user_id=user_id).order_by("model__sort", "model__code")
    return QuotaState(
        balance_milli=balance.total,
        held_milli=balance.held,
        free_left=_free_left(person_id, policy, now),
        free_per_day=policy.free_per_day,
        entitlements=tuple(entitled.values_list("model__code", flat=True).distinct()),
    )


def quota_entries(*, user_id: UserId, cursor: str | None, size: int = 20) -> Page[QuotaEntry]:
    """A page of a user's quota movements, newest first. Raises CursorNotValid."""
    account = ledger.user_account(user_id, QUOTA)
    return ledger.entries(account=account, cursor=cursor, size=size).map(_entry)


def models_for(*, user_id: UserId, now: datetime, code: str | None = None) -> list[ModelOffer]:
    """The models on offer and, for each, whether this user can ask it now and if not, why.

    With a code the one of it, if it can be asked; also one that is not visible.
    """
    facts = selectors.offers(user_id=user_id, now=now, code=code)
    if not facts:
        return []
    available = ledger.balance(account=ledger.user_account(user_id, QUOTA)).available
    person_id = accounts.person_of(user_id=user_id)
    free_left = _free_left(person_id, as_ruled(facts[0].policy), now)
    if not free_left and _is_spared(person_id, now):
        free_left = _free_left(person_id, as_ruled(facts[0].policy, is_spared=True), now)
    return [_offer(item, available=available, free_left=free_left) for item in facts]


def _free_left(person_id: PersonId, policy: Policy, now: datetime) -> int:
    return selectors.free_use_left(person_id=person_id, day=local_day(now), free_per_day=policy.free_per_day)


def _is_spared(person_id: PersonId, now: datetime) -> bool:
    return accounts.is_spared(person_id=person_id, scope=ListScope.CHAT, now=now)


def _offer(facts: selectors.ModelFacts, *, available: int, free_left: int) -> ModelOffer:
    model = facts.model
    price = model.price.terms
    needed = charging.least(price, input_tokens=limits.SHORT_QUESTION_TOKENS, output_tokens=model.max_output_tokens)
    is_in_free_allowance = model.is_in_free_allowance and model.kind == ModelKind.TEXT
    has_own_key = facts.own_key_id is not None
    is_affordable = has_own_key or available >= needed or (is_in_free_allowance and free_left > 0)
    reason = ""
    if model.kind == ModelKind.EMBEDDING:
        reason = errors.ModelWritesNoText.code
    elif not (facts.is_entitled or has_own_key):
        reason = errors.ModelNotEntitled.code
    elif not is_affordable:
        reason = errors.QuotaExhausted.code
    return ModelOffer(
        id=model.code,
        name=model.name,
        kind=ModelKind(model.kind),
        capabilities=rules.offered(model.capabilities, can_search=facts.can_search),
        created_at=model.created_at,
        price=price,
        offer=rules.offer_of(
            model=model.code,
            price=price,
            extras=model.price.extras,
            is_in_free_allowance=model.is_in_free_allowance,
        ),
        extras=model.price.extras,
        context_tokens=model.context_tokens,
        max_output_tokens=model.max_output_tokens,
        in_free_allowance=is_in_free_allowance,
        entitled=facts.is_entitled,
        entitled_until=facts.entitled_until,
        affordable=is_affordable,
        # How a channel does says nothing of a member's own key.
        answering=facts.is_answering or has_own_key,
        reason=reason,
        has_own_key=has_own_key,
    )


def _entry(entry: Entry) -> QuotaEntry:
    return QuotaEntry(
        id=UUID(str(entry.id)),
        amount_milli=entry.amount,
        kind=entry.kind,
        cause_type=entry.cause.type,
        cause_id=entry.cause.id,
        balance_after_milli=entry.balance_after,
        created_at=entry.created_at,
    )
