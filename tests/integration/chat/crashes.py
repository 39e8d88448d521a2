"""A question that is paid for in one of five ways, and everything that is true of it once somebody died over it."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.accounts import services as accounts
from apps.accounts.contracts import IdentifiedKey, Member
from apps.accounts.models import ApiKey
from apps.chat import services
from apps.chat.contracts import GenerationState, PerTokens, UpstreamCost
from apps.chat.models import AnswerUsage, Attempt, FreeUse
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from apps.ledger.contracts import Cause
from tests.integration.chat.conftest import generation, set_limits

RICH = 5000
BY_TOKEN = PerTokens(input_milli=200, cached_milli=50, output_milli=800)
COST = UpstreamCost(input_microyuan=2000, cached_microyuan=500, output_microyuan=8000)


class Pay(Enum):
    """How an answer is paid for."""

    ANSWER = "by the answer"
    TOKEN = "by the token"
    FREE = "with a free use"
    ENTITLED = "by who has a right to its model"
    KEY = "by the token, within the cap of an API key"


@dataclass(frozen=True)
class Books:
    """What a member has: quota, what is set aside of it, what the key spent, free uses left, unpaid answers today."""

    balance: int
    held: int
    spent: int
    free_left: int
    unpaid: int


def sell(member: Member, pay: Pay) -> IdentifiedKey | None:
    """Let the model "base" be paid for so by this member, who has RICH quota; the key that asks, if one does."""
    set_limits(free_per_day=1 if pay is Pay.FREE else 0)
    price: dict[str, Any] = {"price": BY_TOKEN} if pay in {Pay.TOKEN, Pay.KEY} else {"price_milli": 1000}
    entitled = pay is Pay.ENTITLED
    services.save_model(
        code="base",
        name="Base",
        max_output_tokens=100,
        needs_entitlement=entitled,
        is_in_free_allowance=not entitled,
        now=clock.now(),
        **price,
    )
    if entitled:
        with transaction.atomic():
            services.grant_entitlement(user_id=member.id, model_id="base", cause=Cause("test", "1"), now=clock.now())
    if pay is not Pay.KEY:
        return None
    made = accounts.create_api_key(
        user_id=member.id, name="script", scopes=("chat",), spend_cap_milli=1500, now=clock.now()
    )
    return accounts.identify_key(key=made.key, address="127.0.0.1", now=clock.now())


def books(member: Member) -> Books:
    """As they are."""
    quota = services.quota_of(user_id=member.id, now=clock.now())
    person = accounts.person_of(user_id=member.id)
    unpaid = FreeUse.objects.filter(person_id=person).values_list("unpaid", flat=True).first() or 0
    spent = ApiKey.objects.filter(user_id=member.id).values_list("spent_milli", flat=True).first() or 0
    return Books(quota.balance_milli, quota.held_milli, spent, quota.free_left, unpaid)


def untouched(pay: Pay, *, unpaid: int = 0) -> Books:
    """Nothing was paid, and nothing is set aside."""
    return Books(RICH, 0, 0, int(pay is Pay.FREE), unpaid)


def paid(pay: Pay, *, by_token: int) -> Books:
    """The whole answer was, which costs so much where it is paid by the token."""
    cost = {Pay.FREE: 0, Pay.TOKEN: by_token, Pay.KEY: by_token}.get(pay, 1000)
    return Books(RICH - cost, 0, cost if pay is Pay.KEY else 0, 0, 0)


def told(generation_id: UUID) -> list[tuple[int, str, str]]:
    """The attempts at an answer: number, channel, outcome."""
    rows = Attempt.objects.filter(generation=generation_id).order_by("number")
    return list(rows.values_list("number", "route__channel__code", "code"))


def assert_nobody_paid(generation_id: UUID, *, text: str, channel: str | None, now: datetime) -> None:
    """It ended with its engine: what was saved is kept, its usage says where it was written, and the audit is clean."""
    row = generation(generation_id)
    assert (row.state, row.error_code) == (GenerationState.INTERRUPTED, "engine_lost")
    assert (row.text, row.charged_milli, row.is_delivered) == (text, 0, False)
    assert (row.unpaid_day is not None) == bool(text)
    assert used(generation_id) == (channel, bool(text), 0)
    assert breaches(now) == []


def used(generation_id: UUID) -> tuple[str | None, bool, int]:
    """The usage of an answer: the channel, whether it cost us something, and its charge."""
    usage = AnswerUsage.objects.select_related("route__channel").get(pk=generation_id)
    assert (usage.cost_microyuan is None) == (usage.route is None)
    channel = None if usage.route is None else usage.route.channel.code
    return channel, bool(usage.cost_microyuan), usage.charged_milli


def breaches(now: datetime) -> list[str]:
    """What the audit names, but that no app declares the tests' way to give a right."""
    found = [breach for check in all_invariants() for breach in check.check(now)]
    return [str(breach) for breach in found if not breach.subject.startswith("entitlement ")]


def of_this_test() -> dict[str, str]:
    """The environment of a process that works on this test's Redis and opens what this test sealed."""
    return {"REDIS_URL": settings.REDIS_URL, "SEALING_KEY": settings.SEALING_KEY, "PERSON_KEY": settings.PERSON_KEY}


def var() -> Path:
    """The data folder of such a process."""
    return Path(settings.VAR_DIR)
