"""Who somebody is over all their accounts: known by a keyed hash of how WeChat knows them, which outlives closing.

Why, and for how long: docs/adr/0007-person.md.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache

from django.conf import settings
from django.db.models import Count

from apps.accounts import selectors
from apps.accounts.contracts import PersonKeyUse
from apps.accounts.errors import PersonKeyInUse
from apps.accounts.models import Person, User, WeChatIdentity
from apps.kernel import audit
from apps.kernel.ids import PersonId, UserId

_SHOWN_OF_FINGERPRINT = 12


@lru_cache(maxsize=10_000)
def person_of(*, user_id: UserId) -> PersonId:
    """The person whose account this is; remembered by the process, because it never changes. Raises MemberNotFound."""
    return PersonId(selectors.user(user_id).person_id)


def meet(*, identity: WeChatIdentity, now: datetime) -> tuple[Person, bool]:
    """The person behind an identity without a user, which the caller has locked; and whether they are back."""
    hashes = _hashes(identity)
    found = {person.key_hash: person for person in Person.objects.filter(key_hash__in=hashes.values())}
    # The present secret first: where a former one was named too late, somebody may be there twice.
    person = next((found[key_hash] for key_hash in hashes.values() if key_hash in found), None)
    if person is None:
        key_id, key_hash = next(iter(hashes.items()))
        return Person.objects.create(key_hash=key_hash, key_id=key_id, created_at=now), False
    keep_known(person=person, identity=identity)
    return person, True


def keep_known(*, person: Person, identity: WeChatIdentity) -> None:
    """Know this person by the present secret, so that a former one can go; whoever is here has not left."""
    key_id, key_hash = next(iter(_hashes(identity).items()))
    if (person.key_id, person.left_at) != (key_id, None):
        person.key_hash, person.key_id, person.left_at = key_hash, key_id, None
        person.save(update_fields=["key_hash", "key_id", "left_at"])


def is_known_by(*, person: Person, identity: WeChatIdentity) -> bool:
    """Whether the person's hash is this identity's; also where we no longer know the secret that made it."""
    hashes = _hashes(identity)
    return person.key_id not in hashes or hashes[person.key_id] == person.key_hash


def note_leaving(*, user: User, now: datetime) -> None:
    """Begin the time after which nobody knows any more who had this account; in the closing transaction."""
    Person.objects.filter(pk=user.person_id).update(left_at=now)


def forget_old_persons(*, now: datetime) -> int:
    """Erase the hashes of those who left long ago (PERSON_KEY_KEPT_DAYS); returns how many."""
    return selectors.persons_to_forget(left_before=now - kept_for()).update(key_hash=None, key_id="")


def kept_for() -> timedelta:
    """How long somebody who left is recognised."""
    return timedelta(days=settings.PERSON_KEY_KEPT_DAYS)


def person_keys() -> list[PersonKeyUse]:
    """The secrets that persons are known by: the present one first, then the former, then those that nobody named."""
    rows = Person.objects.exclude(key_id="").order_by().values_list("key_id").annotate(persons=Count("pk"))
    used = dict(rows)
    present, *former = _secrets()
    uses = [PersonKeyUse(key_id=present, standing="present", persons=used.pop(present, 0))]
    uses += [PersonKeyUse(key_id=key_id, standing="former", persons=used.pop(key_id, 0)) for key_id in former]
    return uses + [PersonKeyUse(key_id=key_id, standing="unknown", persons=used[key_id]) for key_id in sorted(used)]


def forget_person_key(*, key_id: str, actor: str, reason: str, now: datetime) -> int:
    """Give up whom a lost or leaked secret knows: who has left is a stranger from now on. Returns how many hashes went.

    Raises PersonKeyInUse for the present secret, ReasonMissing.
    """
    audit.require_reason(reason)
    if key_id == next(iter(_secrets())):
        raise PersonKeyInUse(key_id=key_id)
    count = Person.objects.filter(key_id=key_id).update(key_hash=None, key_id="")
    audit.record(
        actor=actor,
        action="accounts.forget_person_key",
        target=("person_key", key_id),
        reason=reason,
        after={"persons": count},
        now=now,
    )
    return count


def _hashes(identity: WeChatIdentity) -> Mapping[str, str]:
    """The hash of this identity under each secret, the present one first."""
    name = f"{identity.app_id}\n{identity.openid}".encode()
    return {key_id: hmac.digest(secret, name, "sha256").hex() for key_id, secret in _secrets().items()}


def _secrets() -> Mapping[str, bytes]:
    secrets = [settings.PERSON_KEY, *settings.PERSON_KEY_FORMER]
    return {_fingerprint(secret.encode()): secret.encode() for secret in secrets}


def _fingerprint(secret: bytes) -> str:
    return hashlib.sha256(b"person key\n" + secret).hexdigest()[:_SHOWN_OF_FINGERPRINT]
