"""docs/how-to/add-a-rule.md, followed for a behaviour and for a rule of odds that the site does not have."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.accounts.contracts import Member
from apps.kernel import clock
from apps.kernel.errors import CodeUnknown
from apps.kernel.invariants import all_invariants, find
from apps.marketing import errors, services
from apps.marketing.contracts import POINTS, ActivityDetail
from apps.marketing.earning.registries import BEHAVIOURS, Behaviour, Deed
from apps.marketing.models import Rebate, RebateRule
from apps.marketing.odds.rules import PUBLICATION_RULES, OddsDraft
from tests.integration.marketing import campaign
from tests.integration.marketing.test_admin import page

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
WALK: dict[str, Any] = {"code": "walk", "title": "A walk", "behaviour": "walking", "points": 7}


class Walking(Behaviour):
    """A member told us of a walk; whoever has an account has been out once."""

    code = "walking"
    label = "A walk"
    word = "Was outside"
    key_words = ("walk",)
    done_sql = "SELECT 'walk:' || UUID_TEXT(id) AS name, id AS member FROM accounts_user"

    def __init__(self) -> None:
        self.deeds_since: list[Deed] = []

    def deeds(self, since: datetime | None) -> Iterator[Deed]:
        """The walks that we were told of."""
        yield from self.deeds_since


@pytest.fixture
def walking() -> Iterator[Walking]:
    """A behaviour that is registered as any other, for one test."""
    behaviour = Walking()
    BEHAVIOURS.register(behaviour)
    yield behaviour
    if behaviour.code in BEHAVIOURS:
        BEHAVIOURS.unregister(behaviour.code)


def numbers(now: datetime) -> set[str]:
    """What the audit finds; browsers of tests sign nobody in, no worker is at work, and nothing is committed."""
    found = {item.number for item in all_invariants() if find(item, now=now).breaches}
    return found - {"I-46", "I-52", "I-59-sessions", "I-65"}


def walked(member: Member, now: datetime) -> None:
    """What a handler of an event about walks does."""
    services.grant_rebates(user_id=member.id, behaviour="walking", behaviour_key=f"walk:{member.id}", now=now)


def test_a_new_behaviour_is_rewarded_once_shown_and_audited(
    alice: Member, alice_browser: Client, operator_browser: Client, walking: Walking
) -> None:
    body = {**WALK, "points_per_yuan": 0, "chances": 0, "is_active": "on", "reason": "health"}
    assert operator_browser.post(page(RebateRule, "add"), body).status_code == 302
    now = clock.now() + HOUR

    walked(alice, now)
    walked(alice, now)

    assert campaign.available(alice.id, POINTS) == 7
    assert "Was outside" in alice_browser.get("/account/movements/?of=points").content.decode()
    assert "A walk" in operator_browser.get(page(RebateRule, "changelist")).content.decode()
    assert numbers(now + HOUR) == set()


def test_the_audit_asks_a_new_behaviour_what_was_done(alice: Member, bob: Member, walking: Walking) -> None:
    services.save_rebate_rule(now=clock.now(), **WALK)
    now = clock.now() + HOUR

    walking.deeds_since.append(Deed(behaviour="walking", keys=(f"walk:{bob.id}",), at=now))
    assert numbers(now + HOUR) == {"I-41-given"}

    services.grant_rebates(user_id=bob.id, behaviour="walking", behaviour_key=f"walk:{uuid4()}", now=now)
    assert numbers(now + HOUR) == {"I-41-given", "I-41-deeds"}


def test_a_behaviour_that_nobody_stands_for_is_neither_configured_nor_rewarded(
    alice: Member, operator_browser: Client, walking: Walking
) -> None:
    services.save_rebate_rule(now=clock.now(), **WALK)
    BEHAVIOURS.unregister("walking")

    with pytest.raises(CodeUnknown):
        services.save_rebate_rule(now=clock.now(), **{**WALK, "points": 9})
    with pytest.raises(CodeUnknown):
        walked(alice, clock.now())
    refused = operator_browser.post(page(RebateRule, "add"), {**WALK, "code": "two", "reason": "health"})

    assert "behaviour" in refused.context["adminform"].form.errors
    assert not Rebate.objects.exists()
    assert "I-02-codes" in numbers(clock.now())


class OddsTooGenerous(errors.OddsNotPublishable):
    """No single prize may be worth more than a hundred credits."""

    code = "odds_too_generous"
    title = "A prize is too large."


def check_generosity(draft: OddsDraft) -> None:
    """A rule of odds."""
    for prize in draft.prizes:
        if prize.kind == "quota" and prize.amount > 100_000:
            raise OddsTooGenerous(position=prize.position)


def test_a_new_rule_of_odds_keeps_them_from_being_published(
    autumn: ActivityDetail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PUBLICATION_RULES, "generosity", check_generosity)
    generous = replace(campaign.QUOTA, amount=100_001)

    with pytest.raises(OddsTooGenerous):
        campaign.publish(autumn.id, [generous, campaign.THANKS])

    campaign.publish(autumn.id, [replace(generous, amount=100_000), campaign.THANKS])
