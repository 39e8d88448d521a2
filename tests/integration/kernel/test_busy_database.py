"""A database that is locked or away is 503 with a time to come back, never 500, and nothing half done."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.utils import translation

from apps.accounts.contracts import Member
from apps.chat.models import Conversation
from apps.kernel import clock, outbox
from apps.kernel.events import Event
from apps.kernel.models import DeliveryState, OutboxDelivery, Switch

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True, kw_only=True)
class BellRang(Event):
    """A fact of this test."""

    topic: ClassVar[str] = "tests.bell_rang"


@outbox.subscriber(BellRang)
def on_bell_rang(event: BellRang) -> None:
    Switch.objects.create(name="bell", is_on=True, updated_at=event.occurred_at)


CONVERSATIONS = "/api/v1/chat/conversations"


@contextmanager
def everything_locked() -> Iterator[None]:
    """Another connection holds what this test's would write; this one waits a tenth of a second for it."""
    at = connection.settings_dict
    holder: Any
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 100")
        holder = sqlite3.connect(at["NAME"], isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
    else:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 100")
        holder = psycopg.connect(
            dbname=at["NAME"], user=at["USER"], password=at["PASSWORD"], host=at["HOST"], port=at["PORT"]
        )
        holder.execute("LOCK TABLE chat_conversation, kernel_switch, kernel_ratewindow IN ACCESS EXCLUSIVE MODE")
    try:
        yield
    finally:
        holder.rollback()
        holder.close()
        connection.close()
        if connection.vendor == "postgresql":
            # Closing only gave the connection back to its pool, and a later test would meet its impatience.
            connection.close_pool()  # type: ignore[attr-defined]


def test_a_program_is_told_when_to_come_back_and_nothing_is_done(alice: Member, alice_browser: Client) -> None:
    request: dict[str, Any] = {"path": CONVERSATIONS, "data": "{}", "content_type": "application/json"}
    headers = {"Idempotency-Key": "a-key-of-mine"}

    with everything_locked():
        answer = alice_browser.post(**request, headers=headers)

    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert (answer.json()["code"], answer["Retry-After"]) == ("busy", "2")
    assert not Conversation.objects.exists()
    assert alice_browser.post(**request, headers=headers).status_code == 201


def test_a_person_is_told_in_a_page_that_asks_the_database_nothing(visitor: Client) -> None:
    """This address counts its callers, then writes a session."""
    with everything_locked(), translation.override("zh-hans"):
        answer = visitor.get("/login/wechat/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert answer["Content-Type"].startswith("text/html")
    assert "现在有点忙" in answer.content.decode()


def test_the_outbox_tries_again() -> None:
    with transaction.atomic():
        outbox.publish(BellRang(occurred_at=clock.now()))
    delivery_id = OutboxDelivery.objects.get().pk

    with everything_locked(), suppress(OperationalError):  # SQLite does not even let it be claimed
        assert not outbox.deliver(delivery_id=delivery_id, now=clock.now())

    assert OutboxDelivery.objects.get().state == DeliveryState.PENDING
    assert outbox.deliver(delivery_id=delivery_id, now=clock.now() + timedelta(minutes=1))
    assert Switch.objects.filter(name="bell").count() == 1
