"""API keys: made and revoked by their owner in a browser, identified at every request of a program."""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from apps.accounts import rules, selectors
from apps.accounts.contracts import ApiKeyDetail, ApiScope, IdentifiedKey, NewApiKey
from apps.accounts.errors import (
    ApiKeyNotFound,
    ApiKeyNotPossible,
    ApiKeyNotValid,
    KeySpendCapReached,
    ModelNotAllowed,
    NetworkNotAllowed,
    TooManyApiKeys,
)
from apps.accounts.models import ApiKey
from apps.kernel import audit
from apps.kernel.db import require_transaction
from apps.kernel.ids import UserId

KEYS_PER_MEMBER = 20
# How far behind "last used" may be: it costs a write.
USED_EVERY = timedelta(minutes=5)
_SHOWN_OF_KEY = 9
_LONGEST_KEY = 200


def create_api_key(
    *,
    user_id: UserId,
    name: str,
    scopes: tuple[str, ...],
    now: datetime,
    allowed_networks: tuple[str, ...] = (),
    allowed_models: tuple[str, ...] = (),
    spend_cap_milli: int | None = None,
    expires_at: datetime | None = None,
) -> NewApiKey:
    """Make a key; the answer holds it in the clear, once. Empty networks or models allow all, no cap is None.

    Raises ApiKeyNotPossible, TooManyApiKeys, MemberNotFound.
    """
    networks = [rules.normalise_network(network) for network in allowed_networks]
    _check(name=name.strip(), scopes=scopes, networks=networks, spend_cap_milli=spend_cap_milli)
    if expires_at is not None and expires_at <= now:
        raise ApiKeyNotPossible(field="expires_at")
    key = rules.new_api_key()
    with transaction.atomic():
        selectors.lock_user(user_id)  # or two requests at once would both be the last that fits
        if selectors.live_keys(user_id).count() >= KEYS_PER_MEMBER:
            raise TooManyApiKeys(limit=KEYS_PER_MEMBER)
        row = ApiKey.objects.create(
            user_id=user_id,
            name=name.strip(),
            prefix=key[:_SHOWN_OF_KEY],
            key_hash=_hash(key),
            scopes=sorted(set(scopes)),
            allowed_networks=networks,
            allowed_models=list(dict.fromkeys(allowed_models)),
            spend_cap_milli=spend_cap_milli,
            expires_at=expires_at,
            created_at=now,
        )
    return NewApiKey(detail=selectors.as_key(row), key=key)


def api_keys_of(*, user_id: UserId) -> list[ApiKeyDetail]:
    """A member's keys that are not revoked, the newest first."""
    return [selectors.as_key(row) for row in selectors.live_keys(user_id).order_by("-pk")]


def revoke_api_key(*, user_id: UserId, key_id: UUID, now: datetime) -> None:
    """End one of a member's keys, at once and for good.

    Raises ApiKeyNotFound.
    """
    if not selectors.live_keys(user_id).filter(pk=key_id).update(revoked_at=now):
        raise ApiKeyNotFound()


def revoke_all_api_keys(*, user_id: UserId, now: datetime) -> int:
    """End all keys of a member; returns how many."""
    return selectors.live_keys(user_id).update(revoked_at=now)


def revoke_api_key_as_operator(*, key_id: UUID, actor: str, reason: str, now: datetime) -> None:
    """End anybody's key; a revoked one stays as it is. `actor` is "staff:<id>"."""
    with transaction.atomic():
        if not ApiKey.objects.filter(pk=key_id, revoked_at=None).update(revoked_at=now):
            return
        row = ApiKey.objects.get(pk=key_id)
        audit.record(
            actor=actor,
            action="accounts.revoke_api_key",
            target=("user", str(row.user_id)),
            reason=reason,
            before={"key": str(key_id), "prefix": row.prefix},
            now=now,
        )


def identify_key(*, key: str, address: str, now: datetime) -> IdentifiedKey:
    """Whom a key speaks for; at most two statements, and one when it was used within five minutes.

    Raises ApiKeyNotValid (also when its owner may not sign in), NetworkNotAllowed.
    """
    if not key.startswith(rules.API_KEY_PREFIX) or len(key) > _LONGEST_KEY:
        raise ApiKeyNotValid()
    row = selectors.key_with_hash(_hash(key), now=now)
    is_over = row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now)
    if row is None or is_over or not row.user.is_active or row.is_blocked:  # type: ignore[attr-defined]  # annotated
        raise ApiKeyNotValid()
    if row.allowed_networks and not rules.is_in_networks(address, row.allowed_networks):
        raise NetworkNotAllowed()
    if row.last_used_at is None or row.last_used_at <= now - USED_EVERY:
        ApiKey.objects.filter(pk=row.pk).update(last_used_at=now)
    return IdentifiedKey(
        key_id=row.pk,
        user_id=UserId(row.user_id),
        scopes=frozenset(row.scopes),
        allowed_models=tuple(row.allowed_models),
    )


def check_key_model(*, key: IdentifiedKey, model: str) -> None:
    """Refuse a model that the key's owner did not allow it.

    Raises ModelNotAllowed.
    """
    if key.allowed_models and model not in key.allowed_models:
        raise ModelNotAllowed(model=model)


def spend_with_key(*, key: IdentifiedKey, amount_milli: int) -> None:
    """Count what a request may cost against the key's cap, in the caller's transaction: one statement.

    Raises KeySpendCapReached, also when the key was revoked meanwhile.
    """
    require_transaction("accounts.spend_with_key()")
    within = Q(spend_cap_milli=None) | Q(spend_cap_milli__gte=F("spent_milli") + amount_milli)
    rows = ApiKey.objects.filter(within, pk=key.key_id, revoked_at=None)
    if not rows.update(spent_milli=F("spent_milli") + amount_milli):
        raise KeySpendCapReached(amount_milli=amount_milli)


def give_back_to_key(*, key_id: UUID, amount_milli: int) -> None:
    """Take back what a request did not cost after all, in the caller's transaction."""
    require_transaction("accounts.give_back_to_key()")
    ApiKey.objects.filter(pk=key_id).update(spent_milli=F("spent_milli") - amount_milli)


def _check(*, name: str, scopes: tuple[str, ...], networks: list[str | None], spend_cap_milli: int | None) -> None:
    checks = {
        "name": 1 <= len(name) <= 60 and name.isprintable(),
        "scopes": bool(scopes) and set(scopes) <= set(ApiScope.values),
        "allowed_networks": None not in networks,
        "spend_cap_milli": spend_cap_milli is None or spend_cap_milli >= 0,
    }
    for field, is_right in checks.items():
        if not is_right:
            raise ApiKeyNotPossible(field=field)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
