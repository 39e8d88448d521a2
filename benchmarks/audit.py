"""How long the audit takes on 100,000 draws: `DATABASE_URL=postgres://… python benchmarks/audit.py`.

Makes a database of its own on that server, fills it with a month of a sound site (1,000 members, 100 draws each), and
prints the time of each check: in the full run, and in the run of each minute. Fails on a breach, and when the run of
each minute takes longer than two seconds.
"""

import secrets
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import common  # noqa: E402  # after the path that it is on

WANTED = common.options(__doc__)
common.use_own_stores("chatloop_benchmark_audit")

import django  # noqa: E402  # after the settings that it reads

django.setup()

from django.db import connection  # noqa: E402

from apps.accounts.events import UserRegistered  # noqa: E402
from apps.accounts.models import Person, User  # noqa: E402
from apps.kernel import audit_chain, clock  # noqa: E402
from apps.kernel.ids import UserId, first_id_at  # noqa: E402
from apps.kernel.invariants import all_invariants, audit_everything, find, since_last_run  # noqa: E402
from apps.kernel.models import AuditEntry, OutboxEvent, Row  # noqa: E402
from apps.ledger.contracts import AccountRef, system_account, user_account  # noqa: E402
from apps.ledger.models import Account, Lot, Transfer  # noqa: E402
from apps.marketing import services  # noqa: E402
from apps.marketing.contracts import POINTS, PrizeDraft, PrizeSpec, chances_asset  # noqa: E402
from apps.marketing.draws import rules as draws_rules  # noqa: E402
from apps.marketing.events import PrizeWon  # noqa: E402
from apps.marketing.models import Activity, Adjustment, Delivery, Draw, PrizeStock, Seat  # noqa: E402
from apps.marketing.odds.selectors import published_odds  # noqa: E402
from apps.marketing.seats.rules import seed_hash  # noqa: E402
from benchmarks import campaign  # noqa: E402

MEMBERS, DRAWS = 50 if WANTED.short else 1000, 100
AT_ONCE = 50
MONTH = timedelta(days=30)
ALLOWED_SECONDS = 2.0


def id_at(moment: datetime) -> UUID:
    """An id as it would have been made then."""
    return UUID(int=first_id_at(moment).int | secrets.randbits(80))


class Site:
    """A month of draws: rows as the services write them, written in bulk."""

    def __init__(self, now: datetime) -> None:
        self._now, self._began = now, now - MONTH
        self._activity_id = self._campaign()
        version = Activity.objects.get(pk=self._activity_id).odds_id
        assert version is not None  # it is live
        self._odds = published_odds(version_id=version)
        self._chances = chances_asset(self._activity_id)
        self._issued: dict[UUID, int] = {}

    def fill(self) -> None:
        """Write everything."""
        for asset, names in ((self._chances, ("issuer", "used")), (POINTS, ("issuer",))):
            save([self._account(system_account(name, asset), 0) for name in names])
        for start in range(0, MEMBERS, AT_ONCE):
            save(row for number in range(start, start + AT_ONCE) for row in self._member(number))
        for stock_id, issued in self._issued.items():
            PrizeStock.objects.filter(pk=stock_id).update(issued=issued)
        audit_chain.extend(first=UUID(int=0), now=self._now)

    def _campaign(self) -> UUID:
        activity_id = campaign.planned("benchmark", now=self._began)
        stock = services.save_stock(activity_id=activity_id, code="points", total=MEMBERS * DRAWS, now=self._began)
        campaign.go_live(
            activity_id,
            PrizeDraft(position=0, title="20 points", kind="points", amount=20, weight=3, stock_id=stock.id),
            PrizeDraft(position=1, title="Thank you", kind="nothing", weight=7, is_fallback=True),
            now=self._began,
        )
        return activity_id

    def _member(self, number: int) -> Iterator[Row | Account | Lot]:
        person = Person(id=id_at(self._began), created_at=self._began)
        user = User(id=id_at(self._began), person=person, nickname=f"Member {number}", created_at=self._began)
        yield from (person, user)
        registered = UserRegistered(user_id=UserId(user.pk), invite_code="", occurred_at=self._began)
        yield OutboxEvent(
            id=id_at(self._began), topic=registered.topic, payload=registered.as_json(), created_at=self._began
        )
        yield from self._given(user)
        yield from self._drawn(user)

    def _given(self, user: User) -> Iterator[Row]:
        gift = Adjustment(
            id=id_at(self._began),
            user=user,
            asset="chances",
            activity_id=self._activity_id,
            amount=DRAWS,
            incident="benchmark",
            reason="benchmark",
            request_id=str(user.pk),
            created_by="system",
            created_at=self._began,
        )
        yield gift
        entry = AuditEntry(
            id=id_at(self._began),
            actor="system",
            action="marketing.adjust",
            target_type="adjustment",
            target_id=str(gift.pk),
            reason="benchmark",
            after={
                "user_id": str(user.pk),
                "asset": "chances",
                "activity_id": str(self._activity_id),
                "amount": DRAWS,
                "incident": "benchmark",
                "request_id": str(user.pk),
                "proposal_id": None,
            },
            created_at=self._began,
        )
        entry.mac = audit_chain.mac_of(entry)
        yield entry
        yield self._moved(user, ("marketing.adjustment", str(gift.pk), "chances"), self._began, DRAWS, DRAWS)

    def _drawn(self, user: User) -> Iterator[Row | Account | Lot]:
        seed = first = secrets.token_hex(32)
        points, moments = 0, [self._began + MONTH * (number + 1) / (DRAWS + 1) for number in range(DRAWS)]
        for nonce, at in enumerate(moments):
            next_seed = secrets.token_hex(32)
            draw, prize = self._draw(user, nonce, at, seed, seed_hash(next_seed))
            yield self._moved(
                user, ("marketing.draw", str(draw.pk), "main"), at, -1, DRAWS - nonce - 1, pk=draw.chance_id
            )
            yield draw
            delivery = Delivery(
                id=id_at(at), draw=draw, user=user, kind=prize.kind, amount=prize.amount, state="done", done_at=at,
                created_at=at,
            )  # fmt: skip
            yield delivery
            if prize.amount:
                points += prize.amount
                yield self._told(delivery, at)
                won = self._moved(
                    user, ("marketing.delivery", str(delivery.pk), "points"), at, prize.amount, points, asset=POINTS
                )
                yield won
                yield Lot(
                    transfer=won, account_id=won.credit_id, purse="gift", granted=won.amount, remaining=won.amount
                )
            seed = next_seed
        yield self._account(user_account(UserId(user.pk), POINTS), points)
        yield self._account(user_account(UserId(user.pk), self._chances), 0)
        yield self._seat(user, first, seed, moments)

    def _draw(self, user: User, nonce: int, at: datetime, seed: str, next_hash: str) -> tuple[Draw, PrizeSpec]:
        odds = self._odds
        roll = draws_rules.roll(
            server_seed=seed, version_id=odds.version_id, client_seed="", nonce=nonce, total=odds.declared_total
        )
        prize = odds.prizes[draws_rules.pick(odds.bounds, roll)]
        if prize.stock_id:
            self._issued[prize.stock_id] = self._issued.get(prize.stock_id, 0) + 1
        row = Draw(
            id=id_at(at),
            user=user,
            person_id=user.person_id,
            activity_id=self._activity_id,
            odds_id=odds.version_id,
            chance_id=id_at(at),
            request_id=str(nonce),
            ordinal=0,
            request_count=1,
            server_seed=seed,
            nonce=nonce,
            roll=roll,
            rolled_prize_id=prize.id,
            prize_id=prize.id,
            next_seed_hash=next_hash,
            created_at=at,
        )
        return row, prize

    def _seat(self, user: User, first: str, seed: str, moments: list[datetime]) -> Seat:
        day = clock.local_date(moments[-1], campaign.ZONE)
        midnight, month = (clock.local_midnight(date, campaign.ZONE) for date in (day, day.replace(day=1)))
        return Seat(
            id=id_at(self._began),
            person_id=user.person_id,
            activity_id=self._activity_id,
            drawn_total=DRAWS,
            drawn_day=sum(at >= midnight for at in moments),
            day_on=day,
            drawn_month=sum(at >= month for at in moments),
            month_on=day.replace(day=1),
            server_seed=seed,
            first_seed_hash=seed_hash(first),
            nonce=DRAWS,
            created_at=self._began,
        )

    def _told(self, delivery: Delivery, at: datetime) -> OutboxEvent:
        won = PrizeWon(
            draw_id=delivery.draw_id, delivery_id=delivery.pk, user_id=UserId(delivery.user_id), occurred_at=at
        )
        return OutboxEvent(id=id_at(at), topic=won.topic, payload=won.as_json(), created_at=at)

    def _account(self, ref: AccountRef, balance: int) -> Account:
        return Account(
            id=ref.id,
            owner=ref.owner,
            asset=ref.asset,
            is_system=ref.is_system,
            balance=balance,
            held=0,
            created_at=self._began,
        )

    def _moved(
        self, user: User, cause: tuple[str, str, str], at: datetime, amount: int, left: int, **more: Any
    ) -> Transfer:
        """A movement into a member's account (or out, negative), after which `left` is there."""
        cause_type, cause_id, leg = cause
        asset = more.pop("asset", self._chances)
        mine = user_account(UserId(user.pk), asset).id
        theirs = system_account("issuer" if amount > 0 else "used", asset).id
        return Transfer(
            id=more.get("pk") or id_at(at),
            debit_id=theirs if amount > 0 else mine,
            credit_id=mine if amount > 0 else theirs,
            asset=asset,
            amount=abs(amount),
            kind="benchmark",
            cause_type=cause_type,
            cause_id=cause_id,
            leg=leg,
            debit_balance_after=None if amount > 0 else left,
            credit_balance_after=left if amount > 0 else None,
            created_at=at,
        )


def save(found: Iterable[Row | Account | Lot]) -> None:
    """Write rows of many tables, those that others point at first."""
    by_model: dict[Any, list[Row | Account | Lot]] = {}
    for row in found:
        by_model.setdefault(type(row), []).append(row)
    order = [Person, User, Account, Transfer]
    for model in sorted(by_model, key=lambda model: order.index(model) if model in order else len(order)):
        model._default_manager.bulk_create(by_model[model])


def measure(now: datetime) -> float:
    """Print the time of each check, full and recent; the seconds of the recent run."""
    totals, breaches = [0.0, 0.0], 0
    print(f"{'full s':>8} {'recent s':>8}  check")
    for item in all_invariants():
        took = []
        for since in (None, since_last_run(item, now=now)):
            began = time.monotonic()
            found = find(item, now=now, since=since).breaches
            took.append(time.monotonic() - began)
            breaches += len(found)
            for breach in found[:3]:
                print(f"BREACH {item.number} {breach.subject}: {breach.detail}")
        totals = [total + seconds for total, seconds in zip(totals, took, strict=True)]
        print(f"{took[0]:8.3f} {took[1]:8.3f}  {item.number} {item.check.__name__}{' (windowed)' * item.is_windowed}")
    print(f"{totals[0]:8.3f} {totals[1]:8.3f}  all, {breaches} breaches")
    began = time.monotonic()
    for row in Transfer.objects.values_list().iterator():
        assert row
    read = time.monotonic() - began
    print(f"{totals[0] / read:8.1f} {totals[1] / read:8.1f}  times reading all movements once ({read:.3f} s)")
    return float("inf") if breaches else totals[1]


def main() -> int:
    """Fill, audit once so that windows are known, measure; 1 on a breach or a slow minute."""
    print(common.machine())
    with common.own_stores():
        began = time.monotonic()
        now = clock.now()
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")
            Site(now).fill()
            cursor.execute("VACUUM ANALYZE")
        took = time.monotonic() - began
        print(f"filled in {took:.0f} s: {Draw.objects.count()} draws, {Transfer.objects.count()} transfers")
        audit_everything(now=now)
        return 0 if measure(now) <= ALLOWED_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
