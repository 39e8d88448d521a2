"""What must not lie in the database in the clear: hashed when we only compare it, sealed when we need it back.

Both are made under SEALING_KEY, with a key of its own for each purpose, and begin with the id of that SEALING_KEY. What
former keys made is still opened and found. Why: docs/adr/0010-sealing-keys.md.
"""

import base64
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Substr

from apps.kernel import sealed_before

if TYPE_CHECKING:
    _Text = models.TextField[str, str]
    _Char = models.CharField[str, str]
else:
    _Text, _Char = models.TextField, models.CharField

_ID_LENGTH = 12
_HASH_LENGTH = 64
_BATCH = 200


class SealedTextField(_Text):
    """A column of sealed texts, or empty; `manage.py reseal` finds it by its class. For the database it is a text."""

    def __init__(self, *args: Any, purpose: str = "", hashed_in: str = "", **options: Any) -> None:
        """`purpose` chooses the key; it is never changed, and no other column has it.

        `hashed_in` is the row's column with the keyed hash of the same value, for the same purpose.
        """
        super().__init__(*args, **options)
        self.purpose = purpose
        self.hashed_in = hashed_in

    def deconstruct(self) -> Any:
        """Migrations know a plain text: they import nothing of ours, and SQLite copies no table for a word."""
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.TextField", args, options


class KeyedHashField(_Char):
    """A column of keyed hashes, or empty. `reseal` makes again those whose value the row has sealed too.

    The others cannot be made again: a look-up that meets one may re-key it.
    """

    def __init__(self, *args: Any, live: Q | None = None, **options: Any) -> None:
        """`live` are the rows that a look-up may still meet; without it, all."""
        super().__init__(*args, **{"max_length": _HASH_LENGTH, **options})
        self.live = live or Q()

    def deconstruct(self) -> Any:
        """As for SealedTextField."""
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.CharField", args, options


@dataclass(frozen=True)
class Resealed:
    """What became of one column: how many values have the present key now, and how many cannot be opened."""

    column: str
    resealed: int
    left: int


def seal(purpose: str, text: str) -> str:
    """Encrypt a text under the present key. Raises LookupError for a purpose that no column has."""
    if purpose not in _purposes():
        raise LookupError(f"no SealedTextField has the purpose {purpose!r}")
    key_id, secret = _present()
    return f"{key_id}.{_cipher(secret, purpose).encrypt(text.encode()).decode()}"


def unseal(purpose: str, sealed: str) -> str | None:
    """The text back; None if no key of the settings has sealed it: keys get lost, and every caller goes on without."""
    key_id, dot, token = sealed.partition(".")
    try:
        if not dot:
            return sealed_before.unseal(purpose, sealed)
        secret = _secrets().get(key_id)
        return None if secret is None else _cipher(secret, purpose).decrypt(token.encode()).decode()
    except InvalidToken:
        return None


def keyed_hash(purpose: str, value: str) -> str:
    """64 hex digits that nobody can compute, or guess a short value from, without the present key."""
    return _keyed_hash(*_present(), purpose, value)


def keyed_hashes(purpose: str, value: str) -> list[str]:
    """The same under the present key, then under each former one: what a look-up asks for."""
    made = [_keyed_hash(key_id, secret, purpose, value) for key_id, secret in _secrets().items()]
    return made + sealed_before.keyed_hashes(purpose, value)


def rekey(rows: QuerySet[Any], column: str, purpose: str, value: str) -> None:
    """Let a row that a former key's hash names be found by the present one's."""
    present, *former = keyed_hashes(purpose, value)
    rows.filter(**{f"{column}__in": former}).update(**{column: present})


def sealed_columns() -> list[SealedTextField]:
    """Every column of sealed texts."""
    return _columns(SealedTextField)


def hash_columns() -> list[KeyedHashField]:
    """Every column of keyed hashes."""
    return _columns(KeyedHashField)


def reseal() -> Iterator[Resealed]:
    """Seal anew, column by column, what the present key has not sealed, and hash that again where its row has its hash.

    Stopped anywhere, it goes on from there.
    """
    for field in sealed_columns():
        resealed, after = 0, None
        while batch := _next_batch(field, after):
            after = batch[-1][0]
            with transaction.atomic():
                resealed += sum(_reseal(field, pk, sealed) for pk, sealed in batch)
        yield Resealed(str(field), resealed, _to_reseal(field).count())


def hashes_by_former_keys() -> Iterator[tuple[str, int]]:
    """How many rows of each column of keyed hashes a look-up finds only while a former key is named."""
    for field in hash_columns():
        yield str(field), _by_other_keys(field).filter(field.live).count()


def unknown_keys(field: SealedTextField) -> list[str]:
    """The ids of keys that sealed values of this column and that the settings do not name."""
    rows = _filled(field).filter(**{f"{field.attname}__contains": "."}).order_by()
    ids = rows.annotate(key_id=Substr(field.attname, 1, _ID_LENGTH)).values_list("key_id", flat=True)
    return sorted(set(ids.exclude(key_id__in=_secrets()).distinct()))


def sealed_by(field: SealedTextField, key_id: str) -> QuerySet[Any]:
    """The rows whose value of this column the key of this id has sealed."""
    return field.model._base_manager.filter(**{f"{field.attname}__startswith": f"{key_id}."})


def is_named(key_id: str) -> bool:
    """Whether the settings name the key of this id."""
    return key_id in _secrets()


def key_of(made: str) -> str:
    """The id of the key that made a keyed hash."""
    return made[:_ID_LENGTH]


def _columns(kind: type[Any]) -> list[Any]:
    return [field for model in apps.get_models() for field in model._meta.local_fields if isinstance(field, kind)]


@cache
def _purposes() -> frozenset[str]:
    return frozenset(field.purpose for field in sealed_columns())


def _filled(field: "models.Field[Any, Any]") -> QuerySet[Any]:
    return field.model._base_manager.exclude(**{field.attname: ""})


def _by_other_keys(field: "models.Field[Any, Any]") -> QuerySet[Any]:
    return _filled(field).exclude(**{f"{field.attname}__startswith": _present()[0]})


def _to_reseal(field: SealedTextField) -> QuerySet[Any]:
    columns = [field.attname, field.hashed_in] if field.hashed_in else [field.attname]
    return _filled(field).exclude(**{f"{column}__startswith": _present()[0] for column in columns})


def _next_batch(field: SealedTextField, after: Any) -> list[tuple[Any, str]]:
    rows = _to_reseal(field)
    if after is not None:
        rows = rows.filter(pk__gt=after)
    return list(rows.order_by("pk").values_list("pk", field.attname)[:_BATCH])


def _reseal(field: SealedTextField, pk: Any, sealed: str) -> int:
    """1 if the value has the present key now; 0 if nobody can open it, or it has just been changed."""
    text = unseal(field.purpose, sealed)
    if text is None:
        return 0
    anew = {field.attname: seal(field.purpose, text)}
    if field.hashed_in:
        anew[field.hashed_in] = keyed_hash(field.purpose, text)
    return _filled(field).filter(pk=pk, **{field.attname: sealed}).update(**anew)


def _secrets() -> Mapping[str, str]:
    """The present secret, then the former ones, by their ids."""
    return {_id_of(secret): secret for secret in (settings.SEALING_KEY, *settings.SEALING_KEY_FORMER)}


def _present() -> tuple[str, str]:
    return _id_of(settings.SEALING_KEY), settings.SEALING_KEY


def _id_of(secret: str) -> str:
    return _derive(secret, "id").hex()[:_ID_LENGTH]


def _cipher(secret: str, purpose: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_derive(secret, f"seal {purpose}")))


def _keyed_hash(key_id: str, secret: str, purpose: str, value: str) -> str:
    digest = hmac.digest(_derive(secret, f"hash {purpose}"), value.encode(), "sha256")
    return (key_id + digest.hex())[:_HASH_LENGTH]


@cache
def _derive(secret: str, use: str) -> bytes:
    """32 bytes for one use of a secret, from which nobody finds those of another."""
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"chatloop {use}".encode())
    return derivation.derive(secret.encode())
