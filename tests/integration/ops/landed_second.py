"""Run by `manage.py shell`, on a database of its own: the second release's rows, brought to the present and lived with.

Its site was played with over HTTP and by its services, and stopped while much was under way: answers queued and
running, with and without a conversation, by an API key, free and paid; orders paid and not; a prize and a rebate on
their way; an adjustment that waits for a second person; odds in draft. Its own audit found nothing.

Prints what happened as JSON; test_landed_data.py says what should.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from zipfile import ZipFile

from django.core.management import call_command
from django.db import transaction
from django.db.models import F, Q, Sum

from apps.accounts import services as accounts
from apps.chat import services as chat
from apps.chat.contracts import GenerationState, Outcome
from apps.chat.models import Conversation, Generation
from apps.kernel import approvals, outbox, sealing
from apps.kernel.models import OutboxDelivery, Proposal
from apps.ledger import causes
from apps.ledger import services as ledger
from apps.ledger.contracts import AccountRef, Cause, Purse
from apps.ledger.models import Account, Hold, Lot
from apps.marketing import services as marketing
from apps.marketing.models import OddsVersion
from apps.orders import services as orders
from apps.orders.gateways.contract import Trade, TradeState
from apps.orders.gateways.wechat_pay import WechatPay
from apps.orders.models import Order
from tests.integration.ops.landed_release import (
    PYOTP,
    Release,
    at,
    audit,
    change_a_draw,
    opened,
    refusal,
    second_factor,
)

SECOND = Release(
    name="second",
    leaves={
        "kernel": "0011_due_by_queue",
        "ledger": "0006_roles_see_lots",
        "accounts": "0012_rows_keep_their_holder",
        "chat": "0014_versions_of_prices",
        "orders": "0004_terms_never_change",
        "marketing": "0013_seat",
        "sandbox": "0001_initial",
    },
    # Seconds after the last of those rows.
    then=datetime(2026, 11, 28, 4, 46, tzinfo=UTC),
)
THEN = SECOND.then
LATER = THEN + timedelta(hours=1)
OLGA, EMMA = (SECOND.user(nickname=name) for name in ("olga", "emma"))
ALICE, BOB, CAROL, FRANK = (SECOND.user(nickname=name) for name in ("Alice", "Bob", "Carol", "Frank"))
DAVE = SECOND.user(status="closed")
DONE = Outcome(state=GenerationState.FINISHED, text="an answer", finish_reason="stop", was_taken=True)
# No service of that release granted what ends, or took back: tests did, by a cause of their own.
THEIRS = "test.fact"
SOMEBODY, DEBTOR = (AccountRef(f"user:{name}", "points") for name in ("somebody", "debtor"))


def know_their_cause() -> None:
    """Let the closed lists have what was granted for the sake of these rows."""
    causes.known_legs.update((THEIRS, leg + owed) for leg in ("main", "taken_back") for owed in ("", ".owed"))
    chat.register_entitlement_cause(cause_type=THEIRS)


def come_through() -> dict[str, Any]:
    """Every row is there as it was, whatever has moved; what was sealed opens, and balances are their lots."""
    sealed = opened()
    lots = Lot.objects.values(key=F("account__id"), balance=F("account__balance")).annotate(left=Sum("remaining"))
    session = SECOND.named("sessions.Session")[0]
    return {
        "changed": SECOND.changed(),
        "audit": audit(),
        "opened": {
            purpose: [(value or "").partition("\n")[0] for value in values]
            for purpose, values in sealed.items()
            if purpose != "session"
        },
        "session": sealed["session"].count(session["session_key"]),
        "answers without a usage, and with": _usages(),
        "balances that are not their lots": [row["key"] for row in lots if row["balance"] != row["left"]],
        "granted and left by purse": _purses(),
        "olga's code": second_factor(of=OLGA, code=PYOTP.at(THEN), now=THEN),
        "is signed in": accounts.live_session(session_key=session["session_key"], now=THEN) is not None,
        "models of carol": sorted(offer.id for offer in chat.models_for(user_id=CAROL, now=THEN) if not offer.reason),
        "a draw is changed": refusal(change_a_draw),
    }


def _purses() -> list[list[Any]]:
    purses = Lot.objects.values_list("account__asset", "purse").annotate(Sum("granted"), Sum("remaining"))
    members = purses.filter(account__asset__in=["points", "quota"]).order_by("account__asset", "purse")
    return [list(purse) for purse in members]


def _usages() -> list[int]:
    told = Q(usage__output_tokens=F("completion_tokens"), usage__charged_milli=F("charged_milli"))
    settled = Generation.objects.filter(settled_at__isnull=False)
    return [settled.exclude(told).count(), settled.filter(told).count()]


def finish() -> dict[str, Any]:
    """What was under way comes to its end: answered, broken off, closed, delivered, approved, published."""
    jobs = chat.claim_jobs(limit=9, now=THEN)
    for job in jobs:
        chat.finish_run(generation_id=job.generation_id, lease_token=job.lease_token, outcome=DONE, now=THEN)
    chat.settle_abandoned(now=LATER)
    unpaid = Trade(out_trade_no=Order.objects.get(state="paying").out_trade_no, state=TradeState.UNKNOWN)
    with mock.patch.object(WechatPay, "query", return_value=unpaid):
        orders.close_expired_orders(now=LATER)
    orders.deliver_paid_orders(now=LATER)
    waiting = OutboxDelivery.objects.filter(state="pending").order_by("pk").values_list("pk", flat=True)
    delivered = [outbox.deliver(delivery_id=pk, now=LATER) for pk in list(waiting)]
    for proposal in Proposal.objects.filter(state="open"):
        approvals.approve(
            proposal_id=proposal.pk, actor=f"staff:{EMMA}", may=lambda _: True, reason="it is right", now=LATER
        )
    draft = OddsVersion.objects.get(state="draft")
    marketing.publish_odds(version_id=draft.pk, actor=f"staff:{OLGA}", reason="the same again", now=LATER)
    ended = Generation.objects.filter(settled_at__gte=THEN).order_by("pk")
    return {
        "asked at": sorted([target.upstream_model, target.api_key] for job in jobs for target in job.targets),
        "turns": sorted(len(job.turns) for job in jobs),
        "answers": [list(row) for row in ended.values_list("state", "paid_by", "text", "charged_milli")],
        "holds under way": Hold.objects.filter(state="pending").count(),
        "orders": sorted(Order.objects.values_list("state", flat=True)),
        "delivered": delivered,
        "proposals": sorted(Proposal.objects.values_list("state", flat=True)),
        "odds": list(OddsVersion.objects.order_by("number").values_list("state", flat=True)),
        "resealed": sorted([column.column, column.left] for column in sealing.reseal()),
    }


def live() -> dict[str, Any]:
    """Alice's key goes on where it was; who left comes back; the debt is paid by what comes next."""
    key = accounts.identify_key(key="sk-OfTheSecondReleaseWhichIsNoSecretAnyMore", address="127.0.0.1", now=LATER)
    place: dict[str, Any] = {"user_id": ALICE, "key": key, "now": LATER}
    conversation = Conversation.objects.filter(user_id=ALICE, deleted_at=None).latest("pk").pk
    asked = [
        refusal(
            lambda number=number: chat.ask_question(  # type: ignore[misc]  # bound
                conversation_id=conversation, text="?", model="demo-deep", client_id=f"later-{number}", **place
            )
        )
        for number in range(3)
    ]
    returned = accounts.register_member(openid="oDaveOpenid000000000000002", now=LATER).id
    with transaction.atomic():
        ledger.grant(account=DEBTOR, amount=10, purse=Purse.GIFT, kind="test", cause=Cause(THEIRS, "later"), now=LATER)
    with accounts.export_own_data(user_id=ALICE, now=LATER) as file, ZipFile(file) as taken:
        own = {name: len(json.loads(taken.read(f"{name}.json"))) for name in ("messages", "orders", "draws")}
    debt = Account.objects.values_list("balance", "owed")
    return {
        "spent by the key": next(row.spent_milli for row in accounts.api_keys_of(user_id=ALICE)),
        "asked by the key": asked,
        "dave is recognised": accounts.person_of(user_id=returned) == accounts.person_of(user_id=DAVE),
        "alice takes away": own,
        "debts": [list(debt.get(pk=DEBTOR.id)), debt.filter(owed__gt=0).count()],
        "free messages left of frank": chat.quota_of(user_id=FRANK, now=LATER).free_left,
        "signing in again": refusal(lambda: marketing.sign_in(user_id=BOB, now=LATER)),
    }


def end() -> dict[str, Any]:
    """Two days on: what had an end has ended, and nothing else."""
    two_days = LATER + timedelta(days=2)
    ended = ledger.expire_lots(now=two_days)
    return {"ended": [ended, Account.objects.get(pk=SOMEBODY.id).balance]}


def main() -> None:
    """Migrate, load, migrate, audit, finish, audit, live, audit."""
    SECOND.land()
    know_their_cause()
    with at(THEN):
        call_command("migrate", verbosity=0)
        found = come_through()
    with at(LATER):
        found |= finish() | live() | {"audit afterwards": audit()} | end()
    sys.stdout.write(json.dumps(found) + "\n")
