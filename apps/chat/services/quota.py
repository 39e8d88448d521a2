"""What users can spend: quota in the ledger, free uses of the day, entitlements."""

from datetime import date, datetime
from uuid import UUID

from django.conf import settings
from django.db import connection

from apps.chat import errors, selectors
from apps.chat.contracts import QUOTA, ModelOffer, QuotaEntry, QuotaState
from apps.chat.models import ChatModel, Entitlement, FreeUse
from apps.kernel import clock
from apps.kernel.ids import UserId
from apps.kernel.paging import Page
from apps.ledger import services as ledger
from apps.ledger.contracts import Cause, Entry

# Taking a free use is one statement that inserts, adds one, or does nothing. PostgreSQL locks the row even when
# it does nothing, so that one user's payments queue up behind each other.
_TAKE_FREE_USE = """
    INSERT INTO chat_freeuse (user_id, day, used) VALUES (%s, %s, %s)
    ON CONFLICT (user_id, day) DO UPDATE SET used = chat_freeuse.used + 1 WHERE chat_freeuse.used < %s
"""


def grant_quota(*, user_id: UserId, amount_milli: int, kind: str, cause: Cause, now: datetime) -> None:
    """Give a user quota, in the caller's transaction; the same cause gives it once.

    Raises ledger.InvalidAmount, ledger.CauseConflict.
    """
    ledger.transfer(
        debit=ledger.system_account("issuer", QUOTA),
        credit=ledger.user_account(user_id, QUOTA),
        amount=amount_milli,
        kind=kind,
        cause=cause,
        leg="quota",
        now=now,
    )


def grant_entitlement(*, user_id: UserId, model_id: str, cause: Cause, now: datetime) -> None:
    """Give a user the right to use a model, in the caller's transaction; having it already changes nothing.

    Raises ModelNotFound.
    """
    model = ChatModel.objects.filter(code=model_id).first()
    if model is None:
        raise errors.ModelNotFound(model=model_id)
    row = Entitlement(user_id=user_id, model=model, cause_type=cause.type, cause_id=cause.id, created_at=now)
    Entitlement.objects.bulk_create([row], ignore_conflicts=True)


def quota_of(*, user_id: UserId, now: datetime) -> QuotaState:
    """What a user can spend on chat now."""
    limits = selectors.policy()
    balance = ledger.balance(account=ledger.user_account(user_id, QUOTA))
    entitled = Entitlement.objects.filter(user_id=user_id).order_by("model__sort", "model__code")
    return QuotaState(
        balance_milli=balance.total,
        held_milli=balance.held,
        free_left=selectors.free_use_left(user_id=user_id, day=local_day(now), free_per_day=limits.free_per_day),
        free_per_day=limits.free_per_day,
        entitlements=tuple(entitled.values_list("model__code", flat=True)),
    )


def quota_entries(*, user_id: UserId, cursor: str | None, size: int = 20) -> Page[QuotaEntry]:
    """A page of a user's quota movements, newest first. Raises CursorNotValid."""
    account = ledger.user_account(user_id, QUOTA)
    return ledger.entries(account=account, cursor=cursor, size=size).map(_entry)


def models_for(*, user_id: UserId, now: datetime) -> list[ModelOffer]:
    """The models on offer and, for each, whether this user can ask it now and if not, why."""
    facts = selectors.offers(user_id=user_id)
    if not facts:
        return []
    available = ledger.balance(account=ledger.user_account(user_id, QUOTA)).available
    free_left = selectors.free_use_left(user_id=user_id, day=local_day(now), free_per_day=facts[0].policy.free_per_day)
    return [_offer(item, available=available, free_left=free_left) for item in facts]


def take_free_use(*, user_id: UserId, day: date, free_per_day: int) -> bool:
    """Take one free use of the day in the caller's transaction; False when all are taken.

    Called with 0 it takes none and still makes one user's payments queue up, whatever pays for them.
    """
    user = FreeUse._meta.get_field("user").get_db_prep_value(user_id, connection)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_FREE_USE, [user, day, min(free_per_day, 1), free_per_day])
        return bool(cursor.rowcount == 1) and free_per_day > 0


def local_day(now: datetime) -> date:
    """The day that free uses count for: it begins at midnight of the business time zone."""
    return clock.local_date(now, settings.TIME_ZONE)


def _offer(facts: selectors.ModelFacts, *, available: int, free_left: int) -> ModelOffer:
    model = facts.model
    is_affordable = available >= model.price_milli or (model.is_in_free_allowance and free_left > 0)
    reason = ""
    if not facts.is_entitled:
        reason = errors.ModelNotEntitled.code
    elif not is_affordable:
        reason = errors.QuotaExhausted.code
    return ModelOffer(
        id=model.code,
        name=model.name,
        kind="text",
        price=model.price_milli,
        in_free_allowance=model.is_in_free_allowance,
        entitled=facts.is_entitled,
        affordable=is_affordable,
        reason=reason,
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
