"""What must never be false of several rooms at once; the rooms' own checks are registered from here, too."""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection

import apps.marketing.adjustments.movements
import apps.marketing.adjustments.trails
import apps.marketing.draws.invariants
import apps.marketing.draws.movements
import apps.marketing.earning.invariants
import apps.marketing.earning.movements
import apps.marketing.earning.trails
import apps.marketing.exchange.invariants
import apps.marketing.exchange.movements
import apps.marketing.exchange.trails
import apps.marketing.odds.invariants
import apps.marketing.odds.trails
import apps.marketing.prizes.invariants
import apps.marketing.prizes.movements
import apps.marketing.seats.trails
from apps.kernel.append_only import triggers_of
from apps.kernel.invariants import Breach, invariant, rows
from apps.kernel.schema import missing_triggers
from apps.kernel.untold_facts import Telling, untold
from apps.marketing.draws.events import PrizeWon
from apps.marketing.earning.events import SignedIn

# Ids without hyphens on both sides: SQLite stores none, keys have them.
_STRANGERS = """
SELECT 'draw', row.id FROM marketing_draw AS row
JOIN accounts_user AS account ON account.id = row.user_id WHERE account.person_id <> row.person_id
UNION ALL
SELECT 'sign-in', row.id FROM marketing_signin AS row
JOIN accounts_user AS account ON account.id = row.user_id WHERE account.person_id <> row.person_id
UNION ALL
SELECT 'rebate', row.id FROM marketing_rebate AS row
JOIN marketing_rebaterule AS rule ON rule.id = row.rule_id
JOIN accounts_user AS account ON account.id = row.user_id
WHERE rule.behaviour = 'register' AND REPLACE(row.behaviour_key, '-', '')
      <> 'person:' || REPLACE(CAST(account.person_id AS TEXT), '-', '')
UNION ALL
SELECT 'participation', row.id FROM marketing_participation AS row
LEFT JOIN accounts_person AS person ON person.id = row.person_id WHERE person.id IS NULL
UNION ALL
SELECT 'exchange tally', row.id FROM marketing_exchangetally AS row
LEFT JOIN accounts_person AS person ON person.id = row.person_id WHERE person.id IS NULL
"""

# The triggers of migration 0002 beside those of the append-only tables.
_GUARDS = {
    "postgresql": {"marketing_oddsversion_immutable", "marketing_prize_immutable"},
    "sqlite": {
        "marketing_oddsversion_no_update",
        "marketing_oddsversion_no_delete",
        "marketing_prize_no_insert",
        "marketing_prize_no_update",
        "marketing_prize_no_delete",
    },
}
_APPEND_ONLY = ("marketing_draw", "marketing_rebate", "marketing_signin", "marketing_exchangeorder")


@invariant("I-02", "the triggers that keep odds, draws and rewards are in place")
def facts_are_guarded(now: datetime) -> Iterable[Breach]:
    """Triggers that are missing or disabled."""
    return missing_triggers(_GUARDS[connection.vendor] | triggers_of(*_APPEND_ONLY))


@invariant("I-59", "what is once per person hangs on the person whose account it was")
def rows_are_their_persons(now: datetime) -> Iterable[Breach]:
    """Rows of another person than the account's, which would let somebody have again what is given once."""
    for noun, pk in rows(_STRANGERS):
        yield Breach(f"{noun} {pk}", "not its account's person")


_WON = Telling(
    topic=PrizeWon.topic,
    field="delivery_id",
    expected="SELECT UUID_TEXT(id) AS fact, created_at AS at FROM marketing_delivery WHERE kind <> 'nothing'",
)
_SIGNED_IN = Telling(
    topic=SignedIn.topic,
    field="sign_in_id",
    expected="SELECT UUID_TEXT(id) AS fact, created_at AS at FROM marketing_signin",
)


@invariant("I-46-marketing", "every prize and every sign-in was told", windowed=True)
def wins_were_told(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Prizes that no worker was told to hand over, and sign-ins that nobody rewards."""
    yield from untold(_WON, since)
    yield from untold(_SIGNED_IN, since)
