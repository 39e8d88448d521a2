"""The behaviours that rules reward, and what the audit asks about each; apps.py registers them."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext_lazy as _

from apps.accounts import services as accounts
from apps.accounts.events import UserRegistered
from apps.kernel.db import portable
from apps.kernel.events import Event
from apps.kernel.ids import UserId
from apps.kernel.invariants import came_since, rows
from apps.kernel.models import OutboxDelivery
from apps.marketing.earning.contracts import PAYMENT, REGISTER, SIGN_IN
from apps.marketing.earning.models import SignIn
from apps.marketing.earning.registries import Behaviour, Deed
from apps.orders.events import OrderPaid

_CHUNK = 2000
_PAID = "SELECT UUID_TEXT(id), amount_fen FROM orders_order WHERE id IN ({marks})"


class SigningIn(Behaviour):
    """A daily sign-in; rewarded as it is made."""

    code = SIGN_IN
    label = _("Sign-in")
    word = _("Daily sign-in")
    key_words = ("sign_in",)
    done_sql = "SELECT 'sign_in:' || UUID_TEXT(id) AS name, user_id AS member FROM marketing_signin"

    def deeds(self, since: datetime | None) -> Iterator[Deed]:
        """Every sign-in."""
        made = came_since(SignIn.objects.all(), since).values_list("pk", "created_at")
        for pk, made_at in made.iterator(_CHUNK):
            yield Deed(behaviour=self.code, keys=(f"sign_in:{pk}",), at=made_at)


class Paying(Behaviour):
    """A payment; rewarded when its event is handled."""

    code = PAYMENT
    label = _("Payment")
    word = _("For a payment")
    key_words = ("order",)
    done_sql = "SELECT 'order:' || UUID_TEXT(id) AS name, user_id AS member FROM orders_order WHERE paid_at IS NOT NULL"

    def deeds(self, since: datetime | None) -> Iterator[Deed]:
        """Every payment whose event was handled."""
        for payload, at in _handled(OrderPaid, since):
            key = f"order:{payload['order_id']}"
            yield Deed(behaviour=self.code, keys=(key,), at=at, amount_fen=payload["amount_fen"])

    def amounts_fen(self, keys: Collection[str]) -> Mapping[str, int]:
        """What the orders cost; at most invariants.SHOWN of them."""
        ids = [found for key in keys if (found := _uuid_of(key))]
        if not ids:
            return {}
        values = ids if connection.features.has_native_uuid_field else [pk.hex for pk in ids]
        query = portable(_PAID.format(marks=", ".join(["%s"] * len(ids))))
        return {f"order:{pk}": amount_fen for pk, amount_fen in rows(query, values)}


class Registering(Behaviour):
    """A registration, once per person; rewarded when its event is handled. Its keys were once a member's."""

    code = REGISTER
    label = _("Registration")
    word = _("Welcome gift")
    key_words = ("person", "user")
    done_sql = (
        "SELECT 'person:' || UUID_TEXT(person_id) AS name, id AS member FROM accounts_user"
        " UNION ALL SELECT 'user:' || UUID_TEXT(id), id FROM accounts_user"
    )

    def deeds(self, since: datetime | None) -> Iterator[Deed]:
        """Every registration of somebody new whose event was handled."""
        for payload, at in _handled(UserRegistered, since):
            if not payload.get("is_returning"):
                user_id = payload["user_id"]
                person_id = accounts.person_of(user_id=UserId(UUID(user_id)))
                yield Deed(behaviour=self.code, keys=(f"person:{person_id}", f"user:{user_id}"), at=at)


def _handled(event: type[Event], since: datetime | None) -> Iterator[tuple[dict[str, Any], datetime]]:
    """What our handlers have finished; the rest is at work, or waiting: I-46."""
    ours = OutboxDelivery.objects.filter(event__topic=event.topic, handler__startswith="apps.marketing.")
    for payload, at in came_since(ours, since).values_list("event__payload", "finished_at").iterator(_CHUNK):
        if at is not None:
            yield payload, at


def _uuid_of(key: str) -> UUID | None:
    try:
        return UUID(key.partition(":")[2])
    except ValueError:
        return None
