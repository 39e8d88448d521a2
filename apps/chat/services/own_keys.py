"""Members' own keys of providers: entered, tried, switched off and on, and gone at once when they are deleted."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from apps.accounts import services as accounts
from apps.accounts.contracts import ListScope
from apps.chat import errors, rules, selectors
from apps.chat.contracts import OwnKeyPlace, OwnKeyState
from apps.chat.engine.trials import try_targets
from apps.chat.models import UNSETTLED, Generation, OwnKey
from apps.chat.rules import own_keys as of_own
from apps.chat.services.settling import stop_generation
from apps.kernel import limits, sealing
from apps.kernel.errors import Busy, RateLimited
from apps.kernel.ids import UserId, new_id

_LONGEST_KEY = 400
# Tests under way in this process, by member.
_tests: Counter[UserId] = Counter()
_turns = threading.Lock()
# Until the caller may try again: most tests take less.
_RETRY_SECONDS = 5


def own_keys_of(*, user_id: UserId) -> list[OwnKeyState]:
    """How the member's own keys stand: of each kind that there may be one of, entered or not."""
    return selectors.own_keys_of(user_id=user_id)


def own_key(*, user_id: UserId, kind: str) -> OwnKeyState:
    """How the member's own key of a kind stands, entered or not. Raises OwnKeyKindUnknown."""
    for state in selectors.own_keys_of(user_id=user_id):
        if state.place.kind == kind:
            return state
    raise errors.OwnKeyKindUnknown(kind=kind)


def save_own_key(
    *,
    user_id: UserId,
    kind: str,
    now: datetime,
    api_key: str | None = None,
    base_url: str = "",
    is_enabled: bool = True,
) -> OwnKeyState:
    """Enter a member's own key of a kind, or change how it is used; api_key None keeps the one that there is.

    A key that is entered is tried first, and not kept if its provider refuses it; whatever else keeps it from
    answering (nobody there, an empty account, too many questions) may pass, and stands in the state that is returned.
    It goes nowhere but to the host that it was entered for. Blocks for twelve seconds at most. Raises
    OwnKeyKindUnknown, OwnAddressNotAllowed, OwnAddressRefused, OwnKeyNeeded, OwnKeyNotValid,
    OwnKeyRefused, RateLimited, Busy, and of accounts MemberClosed, MemberFrozen, MemberBlocked.
    """
    state = own_key(user_id=user_id, kind=kind)
    _check_address(state.place, base_url)
    if api_key is None:
        return _change(user_id=user_id, state=state, base_url=base_url, is_enabled=is_enabled, now=now)
    if len(api_key) > _LONGEST_KEY or not rules.is_header_value(api_key):
        raise errors.OwnKeyNotValid
    code = _tried(user_id=user_id, kind=kind, base_url=base_url, api_key=api_key, now=now)
    of_own.check_keeps(code)
    entered = {
        "api_key_sealed": sealing.seal("own_key", api_key),
        "hint": rules.hint_of(api_key),
        "base_url": base_url,
        "is_enabled": is_enabled,
        "updated_at": now,
        "tested_at": now,
        "test_code": of_own.of_own_key(code),
    }
    with transaction.atomic():
        # Held, so that no key outlives the closing of its account.
        accounts.hold_active(user_id=user_id, scope=ListScope.CHAT, now=now)
        OwnKey.objects.update_or_create(
            user_id=user_id, kind=kind, defaults=entered, create_defaults={**entered, "id": new_id(), "created_at": now}
        )
    return own_key(user_id=user_id, kind=kind)


def test_own_key(*, user_id: UserId, kind: str, now: datetime) -> OwnKeyState:
    """Try a member's own key as it stands; what came of it stands in the state. Blocks for twelve seconds at most.

    Raises OwnKeyKindUnknown, OwnKeyNeeded, OwnAddressNotAllowed, OwnAddressRefused, RateLimited, Busy.
    """
    state = own_key(user_id=user_id, kind=kind)
    row = OwnKey.objects.filter(user_id=user_id, kind=kind).first()
    if row is None:
        raise errors.OwnKeyNeeded(kind=kind)
    _check_address(state.place, row.base_url)
    api_key = sealing.unseal("own_key", row.api_key_sealed)
    if api_key is None:
        code = of_own.KEY_GONE
    else:
        code = _tried(user_id=user_id, kind=kind, base_url=row.base_url, api_key=api_key, now=now)
    # Of the key that was tried, if it is still that one.
    same = OwnKey.objects.filter(pk=row.pk, api_key_sealed=row.api_key_sealed)
    same.update(tested_at=now, test_code=of_own.of_own_key(code))
    return own_key(user_id=user_id, kind=kind)


def delete_own_key(*, user_id: UserId, kind: str, now: datetime) -> None:
    """Forget a member's own key for good, and stop what is being asked with it; without one, nothing happens.

    Whoever asked with it a moment ago and finds it gone is told so, and charged nothing.
    """
    key_id = OwnKey.objects.filter(user_id=user_id, kind=kind).values_list("pk", flat=True).first()
    if key_id is None:
        return
    OwnKey.objects.filter(pk=key_id).delete()
    # Afterwards: what was begun meanwhile finds no key. What is missed here, an engine finds (find_stop_requests).
    begun = Generation.objects.filter(user_id=user_id, own_key_id=key_id, state__in=UNSETTLED)
    for generation_id in begun.order_by("pk").values_list("pk", flat=True):
        stop_generation(user_id=user_id, generation_id=generation_id, now=now)


def erase_own_keys(*, user_id: UserId, now: datetime) -> None:
    """Forget all of a member's own keys, in the caller's transaction: who leaves has nothing under way."""
    OwnKey.objects.filter(user_id=user_id).delete()


def remove_lost_own_keys(*, rows: QuerySet[Any], actor: str, reason: str, now: datetime) -> None:
    """Take away own keys that a lost sealing key has sealed (kernel.lost_keys): their members enter them anew."""
    rows.delete()


def export_own_keys(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """That the member has own keys, of which kinds and since when; never a key."""
    shown = ("kind", "base_url", "is_enabled", "created_at", "updated_at")
    yield from OwnKey.objects.filter(user_id=user_id).order_by("pk").values(*shown)


def _change(*, user_id: UserId, state: OwnKeyState, base_url: str, is_enabled: bool, now: datetime) -> OwnKeyState:
    """The key that there is, used otherwise. Raises OwnKeyNeeded."""
    kind = state.place.kind
    if not state.is_entered or not rules.lead_to_one_place(
        state.base_url or state.place.base_url, base_url or state.place.base_url
    ):
        raise errors.OwnKeyNeeded(kind=kind)
    same = OwnKey.objects.filter(user_id=user_id, kind=kind, base_url=state.base_url)
    if not same.update(base_url=base_url, is_enabled=is_enabled, updated_at=now):
        raise errors.OwnKeyNeeded(kind=kind)
    return own_key(user_id=user_id, kind=kind)


def _check_address(place: OwnKeyPlace, base_url: str) -> None:
    if not place.models:
        raise errors.OwnKeyKindUnknown(kind=place.kind)
    if not base_url:
        if not place.base_url:
            raise errors.OwnAddressRefused
        return
    if not place.may_move:
        raise errors.OwnAddressNotAllowed
    of_own.check_own_address(base_url, our_host=urlsplit(settings.PUBLIC_URL).hostname or "")


def _tried(*, user_id: UserId, kind: str, base_url: str, api_key: str, now: datetime) -> str:
    """What a tiny question with this key came to: our code for what went wrong, or "". Raises RateLimited, Busy."""
    target = selectors.own_trial_target(kind=kind, base_url=base_url, api_key=api_key)
    with _a_turn(user_id):
        # Counted in turn: who finds no place has tested nothing.
        limits.hit(f"chat.own-key-test:{user_id}", limit=of_own.TESTS_PER_WINDOW, window=of_own.TEST_WINDOW, now=now)
        (trial,) = try_targets([target])
    return trial.code


@contextmanager
def _a_turn(user_id: UserId) -> Iterator[None]:
    """One of the tests under way in this process, of which each member has a few at most.

    Raises RateLimited where the member's are under way, Busy where all are.
    """
    with _turns:
        if _tests[user_id] >= of_own.TESTS_OF_ONE:
            raise RateLimited(retry_after=_RETRY_SECONDS)
        if _tests.total() >= of_own.TESTS_AT_ONCE:
            raise Busy(retry_after=_RETRY_SECONDS)
        _tests[user_id] += 1
    try:
        yield
    finally:
        with _turns:
            _tests.subtract([user_id])
            if not _tests[user_id]:
                del _tests[user_id]
