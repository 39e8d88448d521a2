"""The one writer of what operators configure: found by its key, changed under its lock, with a reason, on the trail.

An app declares its configured models in AppConfig.ready(); I-62 compares each of their rows with what was said last.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import CharField, Expression, F, Model, QuerySet, UUIDField
from django.db.models.functions import Cast

from apps.kernel import audit
from apps.kernel.db import IdText
from apps.kernel.errors import NumberNotPossible
from apps.kernel.models import AuditEntry
from apps.kernel.sealing import SealedTextField

M = TypeVar("M", bound=Model)

_STAMPS = ("created_at", "updated_at")
_SEALED = "sealed"
# What whole numbers may be, in PostgreSQL's words; SQLite would take any.
_MOST = {
    f"{sign}{name}": 2**bits - 1
    for name, bits in (("SmallIntegerField", 15), ("IntegerField", 31), ("BigIntegerField", 63))
    for sign in ("", "Positive")
}


@dataclass(frozen=True)
class Trail:
    """Which entries say what the rows of a model hold. Of the actions and nouns the first are written now."""

    model: type[Model]
    actions: tuple[str, ...]
    nouns: tuple[str, ...]
    named_by: str
    unsaid: Mapping[str, Any] | None

    @property
    def entries(self) -> QuerySet[AuditEntry]:
        """All of them, about any row."""
        return AuditEntry.objects.filter(target_type__in=self.nouns, action__in=self.actions)

    def name_in(self, rows: Callable[[str], Any] = F) -> Expression:
        """The text by which entries name a row; `rows` is OuterRef when the row is of the query around."""
        column = rows(self.named_by)
        is_id = isinstance(self.model._meta.get_field(self._column), UUIDField)
        return IdText(column) if is_id else Cast(column, CharField())

    def name_of(self, row: Model) -> str:
        """The same, of a row in hand."""
        return str(getattr(row, self.named_by))

    @property
    def _column(self) -> str:
        return self.model._meta.pk.name if self.named_by == "pk" else self.named_by


_trails: dict[type[Model], list[Trail]] = {}


def declare(
    model: type[Model],
    *,
    actions: tuple[str, ...] = (),
    nouns: tuple[str, ...] = (),
    named_by: str = "pk",
    unsaid: Mapping[str, Any] | None = None,
) -> None:
    """Make a model configuration (call from AppConfig.ready()); again, for columns that another action sets.

    The trail calls a row by the noun and by its column `named_by`. Later actions and nouns are those of other
    services, or of earlier releases. `unsaid` is what a row holds until somebody says otherwise; without it somebody
    has to.
    """
    name = str(model._meta.model_name)
    actions = actions or (f"{model._meta.app_label}.save_{name}",)
    declared = _trails.setdefault(model, [])
    if all(trail.actions != actions for trail in declared):
        declared.append(Trail(model, actions, nouns or (name,), named_by, unsaid))


def trails() -> Iterator[Trail]:
    """Every declared trail."""
    for declared in _trails.values():
        yield from declared


def history(model: type[Model], name: object) -> list[tuple[datetime, Mapping[str, Any]]]:
    """When a row was saved, oldest first, and what it was from then on; `name` is the row's on the trail."""
    entries = _trail(model).entries.filter(target_id=str(name)).order_by("pk")
    return [(at, after or {}) for at, after in entries.values_list("created_at", "after")]


def save(
    model: type[M],
    *,
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    actor: str,
    reason: str,
    now: datetime,
    check: Callable[[M], None] | None = None,
    is_kept: bool = False,
) -> M:
    """Create the row with this key, or bring it to these values; a change of nothing leaves no trace.

    `check` may refuse a change; it is given the row as it is, locked until the change is there. With `is_kept` a row
    that exists stays as it is. Who creates what somebody else creates at the same moment comes second. Raises
    ReasonMissing, NumberNotPossible, and what `check` raises; LookupError for a model that nobody declared.
    """
    audit.require_reason(reason)
    _check_numbers(model, values)
    trail = _trail(model)
    with transaction.atomic():
        row, is_new = _found_or_made(model, key, {**values, **_stamps(model, now)})
        if is_new:
            _record(trail, row, before=None, after=values, actor=actor, reason=reason, now=now)
        elif not is_kept:
            change(row, values, actor=actor, reason=reason, now=now, check=check)
    return row


def change(
    row: M,
    values: Mapping[str, Any],
    *,
    actor: str,
    reason: str,
    now: datetime,
    check: Callable[[M], None] | None = None,
    action: str = "",
) -> None:
    """Bring a row, which the caller has locked, to these values. One that counts its versions gets the next one.

    `action` is another than that of saving. Raises ReasonMissing, NumberNotPossible, and what `check` raises.
    """
    audit.require_reason(reason)
    _check_numbers(type(row), values)
    trail = _trail(type(row), action)
    before = {name: getattr(row, name) for name in values}
    if before == dict(values):
        return
    if check is not None:
        check(row)
    changes = {**values, **_stamps(type(row), now, ("updated_at",))}
    if hasattr(row, "version"):
        changes["version"] = row.version + 1
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=list(changes))
    _record(trail, row, before=before, after=values, actor=actor, reason=reason, now=now, action=action)


def remove(model: type[Model], *, key: Mapping[str, Any], actor: str, reason: str, now: datetime) -> None:
    """Delete the row with this key, if there is one, so that the default of the code counts. Raises ReasonMissing."""
    audit.require_reason(reason)
    with transaction.atomic():
        row = _locked(model).filter(**key).first()
        if row is None:
            return
        aside = {*key, *_STAMPS, model._meta.pk.name}
        before = {
            field.attname: getattr(row, field.attname)
            for field in model._meta.concrete_fields
            if field.name not in aside
        }
        _record(_trail(model), row, before=before, after=None, actor=actor, reason=reason, now=now)
        row.delete()


def as_said(model: type[Model], values: Mapping[str, Any]) -> dict[str, Any]:
    """Columns as the trail tells them: another configured row by its name, of a sealed text only that there is one."""
    return {name: _SEALED if name in sealed_of(model) else _in_words(value) for name, value in values.items()}


def sealed_of(model: type[Model]) -> set[str]:
    """The columns of which the trail tells nothing but that they were set."""
    return {field.name for field in model._meta.concrete_fields if isinstance(field, SealedTextField)}


def _trail(model: type[Model], action: str = "") -> Trail:
    for trail in _trails.get(model, ()):
        if not action or action in trail.actions:
            return trail
    raise LookupError(f"nobody declared that operators configure {model._meta.label} {action}")


def _locked(model: type[M]) -> QuerySet[M]:
    return model._default_manager.select_for_update(of=("self",), no_key=True)


def _check_numbers(model: type[Model], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        kind = str(getattr(model._meta.get_field(name), "get_internal_type", str)())
        most = _MOST.get(kind)
        if most is None or not isinstance(value, int):
            continue
        least = 0 if kind.startswith("Positive") else -most - 1
        if not least <= value <= most:
            raise NumberNotPossible(field=name)


def _found_or_made(model: type[M], key: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[M, bool]:
    try:
        return _locked(model).get_or_create(**key, defaults=defaults)
    except IntegrityError:
        # Somebody made the row after the first look, and somebody removed it before the second; or this is refused
        # for another reason, and will be again.
        return _locked(model).get_or_create(**key, defaults=defaults)


def _stamps(model: type[Model], now: datetime, names: tuple[str, ...] = _STAMPS) -> dict[str, datetime]:
    return {name: now for name in names if hasattr(model, name)}


def _record(
    trail: Trail,
    row: Model,
    *,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    actor: str,
    reason: str,
    now: datetime,
    action: str = "",
) -> None:
    audit.record(
        actor=actor,
        action=action or trail.actions[0],
        target=(trail.nouns[0], trail.name_of(row)),
        reason=reason,
        before=None if before is None else as_said(trail.model, before),
        after=None if after is None else as_said(trail.model, after),
        now=now,
    )


def _in_words(value: Any) -> Any:
    if isinstance(value, Model):
        return _trail(type(value)).name_of(value)
    return value if value is None or isinstance(value, bool | int | str | list) else str(value)
