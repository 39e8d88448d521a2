"""Switching faults on and off, and striking: whoever may misbehave asks `take` first."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from apps.kernel.fresh import Fresh
from apps.sandbox.contracts import FaultState
from apps.sandbox.errors import UnknownFault
from apps.sandbox.models import Fault
from apps.sandbox.rules.faults import BY_NAME, KINDS, Area, FaultKind

_MODEL_FAULTS = [kind.name for kind in KINDS if kind.area is Area.MODEL]
# Answers of models are many, and faults are on seldom.
_are_models_struck = Fresh(lambda: Fault.objects.filter(name__in=_MODEL_FAULTS).exists())


def list_faults() -> list[FaultState]:
    """Every fault there is, switched on or not, in the reader's language."""
    on = {fault.name: fault for fault in Fault.objects.all()}
    return [_state(kind, on.get(kind.name)) for kind in KINDS]


def switch_on(*, name: str, times: int | None, now: datetime) -> FaultState:
    """Let a fault strike `times` times, or until it is switched off; raises UnknownFault."""
    kind = BY_NAME.get(name)
    if kind is None:
        raise UnknownFault(name=name)
    values = {"times_left": times}
    fault, _is_new = Fault.objects.update_or_create(
        name=name, defaults=values, create_defaults={**values, "created_at": now}
    )
    _are_models_struck.forget()
    return _state(kind, fault)


def switch_off(*, name: str = "") -> None:
    """End a fault, or all of them; one that is off stays off. Raises UnknownFault."""
    if name and name not in BY_NAME:
        raise UnknownFault(name=name)
    (Fault.objects.filter(name=name) if name else Fault.objects.all()).delete()
    _are_models_struck.forget()


def count_on() -> int:
    """How many faults are on."""
    return Fault.objects.count()


def take(*, area: Area, among: Iterable[str] | None = None) -> str:
    """The fault that strikes now, one of its times used up; "" if nothing of this area is on.

    `among` names the faults that the caller can suffer, all of the area by default.
    """
    candidates = [kind.name for kind in KINDS if kind.area is area and (among is None or kind.name in among)]
    on = dict(Fault.objects.filter(name__in=candidates).values_list("name", "times_left"))
    return next((name for name in candidates if name in on and (on[name] is None or _use(name))), "")


def strike_model() -> str:
    """The fault that the next answer of a demo model has, or ""; one that is switched on counts within two seconds."""
    return take(area=Area.MODEL) if _are_models_struck.get() else ""


def _use(name: str) -> bool:
    """Use one time of a fault that has some; the last one switches it off. False if others used them all."""
    fault = Fault.objects.filter(name=name)
    with transaction.atomic():
        is_used = fault.filter(times_left__gt=0).update(times_left=F("times_left") - 1) > 0
        fault.filter(times_left=0).delete()
    return is_used


def _state(kind: FaultKind, fault: Fault | None) -> FaultState:
    return FaultState(
        name=kind.name,
        area=kind.area.value,
        title=_(kind.title),
        description=_(kind.description),
        is_on=fault is not None,
        times_left=fault.times_left if fault else None,
    )
