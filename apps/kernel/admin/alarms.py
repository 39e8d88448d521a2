"""What needs an operator now, on the home of the admin: apps that know of it register who tells."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpRequest

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One line: what is wrong, with what, the page to look at, and a badge's tone."""

    title: "StrOrPromise"
    detail: str
    address: str = ""
    tone: str = "bad"


# What an app knows to be wrong now; asked at every look at the home, so it asks little.
Teller = Callable[[HttpRequest], Iterable[Alarm]]

_tellers: list[tuple[str, Teller]] = []


def register_alarms(permission: str, teller: Teller) -> None:
    """Add what an app knows (at import of its admin), for operators with this permission."""
    _tellers.append((permission, teller))


def alarms_for(request: HttpRequest) -> list[Alarm]:
    """What this operator may know of, in the order in which the apps registered."""
    return [alarm for permission, teller in _tellers if request.user.has_perm(permission) for alarm in teller(request)]
