"""API keys: made and revoked by their owner in a browser, identified at every request of a program."""

import hashlib
from datetime import datetime
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
from apps.accounts.events import ApiKeyRevoked
from apps.accounts.models import ApiKey
from apps.accounts.services.operators_reach import require_reach_or_self
from apps.accounts.services.randomness import new_api_key
from apps.kernel import audit, outbox
from apps.kernel.db import CompiledUpdate, Given, require_transaction
from apps.kernel.ids import UserId

_LONGEST_KEY = 200

_SPENT = CompiledUpdate(
    lambda: ApiKey.objects.filter(
        Q(spend_cap_milli=None) | Q(spend_cap_milli__gte=F("spent_milli") + Given("amount_milli")),
        pk=Given("key_id"),
        revoked_at=None,
    ),
    spent_milli=F("spent_milli") + Given("amount_milli"),
)


def create_api_key(
    *,
    user_id: UserId,
    name: str,
    scopes: tuple[str, ...],
    now: datetime,
    allowed_networks: tuple[str, ...] = (),
    allowed_models: tuple[str, ...] = (),
    spend_cap_milli: int | None = None,
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    max_parallel: int | None = None,
    expires_at: datetime | None = None,
) -> NewApiKey:
    """Make a key; the answer holds it in the clear, once. Empty networks or models allow all, no limit is None.

    Raises ApiKeyNotPossible, TooManyApiKeys, MemberClosed, MemberNotFound.
    """
    networks = [rules.normalise_network(network) for network in allowed_networks]
    _check(name=name.strip(), scopes=scopes, networks=networks, spend_cap_milli=spend_cap_milli)
    _check_limit("requests_per_minute", requests_per_minute, most=rules.MOST_REQUESTS_PER_MINUTE)
    _check_limit("tokens_per_minute", tokens_per_minute, most=rules.MOST_TOKENS_PER_MINUTE)
    _check_limit("max_parallel", max_parallel, most=rules.MOST_PARALLEL)
    if expires_at is not None and expires_at <= now:
        raise ApiKeyNotPossible(field="expires_at")
    key = new_api_key()
    with transaction.atomic():
        # Held, or two requests at once would both be the last that fits, and one would outlive the closing.
        selectors.lock_open_user(user_id)
        if selectors.live_keys(user_id).count() >= rules.KEYS_PER_MEMBER:
            raise TooManyApiKeys(limit=rules.KEYS_PER_MEMBER)
        row = ApiKey.objects.create(
            user_id=user_id,
            name=name.strip(),
            prefix=key[: rules.SHOWN_OF_KEY],
            key_hash=_hash(key),
            scopes=sorted(set(scopes)),
            allowed_networks=networks,
            allowed_models=list(dict.fromkeys(allowed_models)),
            spend_cap_milli=spend_cap_milli,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            max_parallel=max_parallel,
            expires_at=expires_at,
            created_at=now,
        )
    return NewApiKey(detail=selectors.as_key(row), key=key)


def api_keys_of(*, user_id: UserId) -> list[ApiKeyDetail]:
    """A member's keys that are not revoked, the newest first."""
    return [selectors.as_key(row) for row in selectors.live_keys(user_id).order_by("-pk")]


def detail_of_key(*, key: IdentifiedKey) -> ApiKeyDetail:
    """The key that asks, as its owner sees it. Raises ApiKeyNotValid when it was revoked meanwhile."""
    row = selectors.live_keys(key.user_id).filter(pk=key.key_id).first()
    if row is None:
        raise ApiKeyNotValid
    return selectors.as_key(row)


def revoke_api_key(*, user_id: UserId, key_id: UUID, now: datetime) -> None:
    """End one of a member's keys, at once and for good.

    Raises ApiKeyNotFound.
    """
    with transaction.atomic():
        if not selectors.live_keys(user_id).filter(pk=key_id).update(revoked_at=now):
            raise ApiKeyNotFound()
        outbox.publish(ApiKeyRevoked(user_id=user_id, key_id=key_id, occurred_at=now))


def revoke_api_key_as_operator(*, key_id: UUID, actor: str, reason: str, now: datetime) -> None:
    """End anybody's key; a revoked one stays as it is. `actor` is "staff:<id>". Raises OperatorOutOfReach."""
    with transaction.atomic():
        row = ApiKey.objects.select_related("user").filter(pk=key_id).first()
        if row is None or not ApiKey.objects.filter(pk=key_id, revoked_at=None).update(revoked_at=now):
            return
        require_reach_or_self(actor=actor, user=row.user)
        outbox.publish(ApiKeyRevoked(user_id=UserId(row.user_id), key_id=key_id, occurred_at=now))
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
    found = selectors.key_facts(_hash(key), now=now)
    if found is None or found.revoked_at is not None or (found.expires_at is not None and found.expires_at <= now):
        raise ApiKeyNotValid()
    if not rules.may_come_in(status=found.status, is_staff=found.is_staff) or found.is_blocked:
        raise ApiKeyNotValid()
    if found.allowed_networks and not rules.is_in_networks(address, found.allowed_networks):
        raise NetworkNotAllowed()
    if found.last_used_at is None or found.last_used_at <= now - rules.KEY_USED_EVERY:
        ApiKey.objects.filter(pk=found.id).update(last_used_at=now)
    return IdentifiedKey(
        key_id=found.id,
        user_id=UserId(found.user_id),
        scopes=frozenset(found.scopes),
        allowed_models=tuple(found.allowed_models),
        requests_per_minute=found.requests_per_minute,
        tokens_per_minute=found.tokens_per_minute,
        max_parallel=found.max_parallel,
    )


def check_key_model(*, key: IdentifiedKey, model: str) -> None:
    """Refuse a model that the key's owner did not allow it.

    Raises ModelNotAllowed.
    """
    if key.allowed_models and model not in key.allowed_models:
        raise ModelNotAllowed(model=model)


def spend_with_key(*, key: IdentifiedKey, amount_milli: int) -> None:
    """Count what a request may cost against the key's cap, in the caller's transaction: one statement.

    What costs nothing is counted, too: of a key and its revocation one waits for the other, so that whatever was begun
    before it can be found behind it. Raises KeySpendCapReached; ApiKeyNotValid when the key was revoked meanwhile.
    """
    require_transaction("accounts.spend_with_key()")
    if _SPENT.run(key_id=key.key_id, amount_milli=amount_milli):
        return
    if not ApiKey.objects.filter(pk=key.key_id, revoked_at=None).exists():
        raise ApiKeyNotValid
    raise KeySpendCapReached(amount_milli=amount_milli)


def give_back_to_key(*, key_id: UUID, amount_milli: int) -> None:
    """Take back what a request did not cost after all, in the caller's transaction."""
    require_transaction("accounts.give_back_to_key()")
    ApiKey.objects.filter(pk=key_id).update(spent_milli=F("spent_milli") - amount_milli)


def _check(*, name: str, scopes: tuple[str, ...], networks: list[str | None], spend_cap_milli: int | None) -> None:
    checks = {
        "name": 1 <= len(name) <= rules.MAX_KEY_NAME and name.isprintable(),
        "scopes": bool(scopes) and set(scopes) <= set(ApiScope.values),
        "allowed_networks": None not in networks,
        "spend_cap_milli": spend_cap_milli is None or spend_cap_milli >= 0,
    }
    for field, is_right in checks.items():
        if not is_right:
            raise ApiKeyNotPossible(field=field)


def _check_limit(field: str, limit: int | None, *, most: int) -> None:
    if limit is not None and not 1 <= limit <= most:
        raise ApiKeyNotPossible(field=field)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
