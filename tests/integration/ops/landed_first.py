"""Run by `manage.py shell`, on a database of its own: the first release's rows, brought to the present and lived with.

Prints what happened as JSON; test_landed_data.py says what should.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Sum

from apps.accounts import services as accounts
from apps.accounts.contracts import ListScope
from apps.accounts.events import UserRegistered
from apps.accounts.models import Person
from apps.chat import services as chat
from apps.chat.models import AnswerUsage, ChatModel, Generation
from apps.kernel import outbox, sealing
from apps.kernel.ids import new_id
from apps.kernel.models import OutboxDelivery
from apps.ledger.models import Hold, Lot
from apps.marketing import handlers
from apps.marketing import services as marketing
from apps.marketing.campaigns.selectors import staged_activity
from apps.marketing.exchange.selectors import exchange_offers
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
    copy,
    opened,
    refusal,
    second_factor,
)

FIRST = Release(
    name="first",
    leaves={
        "kernel": "0002_append_only",
        "ledger": "0002_immutable",
        "accounts": "0003_role",
        "chat": "0001_initial",
        "orders": "0002_append_only",
        "marketing": "0002_immutable_rows",
        "sandbox": "0001_initial",
    },
    # An hour after the last of those rows.
    then=datetime(2026, 11, 2, 5, 0, tzinfo=UTC),
)
THEN = FIRST.then


def leave_unfinished(release: Any) -> None:
    """Carol has paid one order, and not yet another; an answer to Alice holds her quota; odds are being drafted."""
    delivered = release.get_model("orders.Order").objects.get(user_id=FIRST.user(nickname="Carol"))
    payment = release.get_model("orders.Payment").objects.get(order_id=delivered.pk)
    history = release.get_model("orders.OrderHistory")
    for state, paid_at in {"paying": None, "paid": THEN}.items():
        pk, due = new_id(), {"created_at": THEN - timedelta(hours=1), "expires_at": THEN, "next_check_at": THEN}
        names = {"id": pk, "out_trade_no": pk.hex, "request_id": pk.hex}
        copy(delivered, **names, state=state, paid_at=paid_at, delivered_at=None, **due)
        for before, after in pairwise(["", "created", "paying", "paid"][: 4 if paid_at else 3]):
            names = {"order_id": pk, "user_id": payment.user_id, "actor": "system", "created_at": THEN}
            history.objects.create(before=before, after=after, **names)
    _tell(release, payment.order_id, pk)
    copy(payment, order_id=pk, transaction_id="4200", paid_at=THEN, created_at=THEN)
    _answer_that_holds_quota(release)
    published = release.get_model("marketing.OddsVersion").objects.get()
    prizes = list(release.get_model("marketing.Prize").objects.filter(odds=published))
    copy(published, state="draft", number=2, content_hash="", published_at=None, published_by="")
    for prize in prizes:
        copy(prize, odds_id=published.pk)


def _tell(release: Any, told: UUID, pk: UUID) -> None:
    """The paid order as the delivered one was told, and nobody has heard of it yet."""
    event = release.get_model("kernel.OutboxEvent").objects.get(payload__order_id=str(told))
    delivery = release.get_model("kernel.OutboxDelivery").objects.get(event_id=event.pk)
    copy(event, payload={**event.payload, "order_id": str(pk)}, created_at=THEN)
    waiting = {"state": "pending", "attempts": 0, "lease_token": None, "finished_at": None}
    copy(delivery, event_id=event.pk, available_at=THEN, created_at=THEN, **waiting)


def _answer_that_holds_quota(release: Any) -> None:
    alice = FIRST.user(nickname="Alice")
    account = release.get_model("ledger.Account").objects.get(owner=f"user:{alice}", asset="quota")
    generation = release.get_model("chat.Generation").objects.filter(user_id=alice).latest("pk")
    answer = release.get_model("chat.Message").objects.get(pk=generation.message_id)
    copy(answer, parent_id=answer.parent_id, text="so far")
    pk, hold_id = new_id(), new_id()
    release.get_model("ledger.Hold").objects.create(
        id=hold_id,
        account=account,
        amount=1000,
        kind="chat",
        cause_type="chat.generation",
        cause_id=str(pk),
        deadline_at=THEN,
        created_at=THEN,
    )
    account.held = 1000
    account.save()
    paid = {"paid_by": "quota", "free_day": None, "hold_id": hold_id, "is_delivered": False, "finish_reason": ""}
    lease = {"state": "running", "lease_until": THEN, "settled_at": None, "created_at": THEN}
    copy(generation, id=pk, message_id=answer.pk, **paid, **lease)


def talk_on() -> None:
    """As messages still had the texts of answers, Carol's last one was thought about, and she asked once more.

    The model was dearer for a moment.
    """
    then = MigrationExecutor(connection).migrate([("chat", "0009_open_channel_kinds")]).apps
    message, generation = then.get_model("chat", "Message"), then.get_model("chat", "Generation")
    last = message.objects.filter(user_id=FIRST.user(nickname="Carol"), role="assistant").latest("pk")
    then.get_model("chat", "Reasoning").objects.create(message=last, text="a thought")
    places = {"conversation_id": last.conversation_id, "user_id": last.user_id, "created_at": THEN}
    question = message.objects.create(**places, parent=last, role="user", text="and then?")
    before = generation.objects.get(message=last)
    generation.objects.create(
        message=message.objects.create(**places, parent=question, role="assistant", text="so far"),
        user_id=last.user_id,
        model_id=before.model_id,
        price_milli=before.price_milli + 500,
        paid_by="free",
        free_day=before.free_day,
        state="running",
        lease_token=uuid4(),
        lease_until=THEN,
        created_at=THEN,
    )
    then.get_model("chat", "FreeUse").objects.filter(person_id=last.user_id).update(used=3)


def talked() -> dict[str, Any]:
    """What Carol and the models said, as their generations know it; then the engine is found to be gone."""
    rows = Generation.objects.filter(user_id=FIRST.user(nickname="Carol")).order_by("created_at")
    known = list(rows.values_list("state", "text"))
    thoughts = list(rows.exclude(reasoning="").values_list("text", "reasoning"))
    chat.settle_abandoned(now=THEN + timedelta(minutes=1))
    asked_at = list(rows.values_list("price__code", "price__answer_milli"))
    present = list(ChatModel.objects.order_by("code").values_list("price__code", "price__answer_milli"))
    used = AnswerUsage.objects.filter(generation__in=rows).order_by("generation__created_at")
    usages = list(used.values_list("price__code", "charged_milli", "basis"))
    return {
        "usages": usages,
        "carol's answers": known,
        "thoughts": thoughts,
        "asked at": asked_at,
        "present prices": present,
    }


def finish() -> dict[str, Any]:
    """What was under way comes to its end, and what was sealed opens: by the key of then, and by the present one."""
    unpaid = Trade(out_trade_no=Order.objects.get(state="paying").out_trade_no, state=TradeState.UNKNOWN)
    with mock.patch.object(WechatPay, "query", return_value=unpaid):
        orders.close_expired_orders(now=THEN)
    orders.deliver_paid_orders(now=THEN)
    outbox.deliver(delivery_id=OutboxDelivery.objects.get(state="pending").pk, now=THEN)
    first, draft = OddsVersion.objects.order_by("number")
    marketing.publish_odds(version_id=draft.pk, actor="staff:1", reason="more of it", now=THEN)
    codes = [
        second_factor(of=FIRST.user(nickname="olga"), code=code, now=THEN) for code in (PYOTP.at(THEN), "ABCDEFGHJK")
    ]
    found = {"opened": opened(), "olga's codes": codes}
    resealed = [(column.column, column.resealed, column.left) for column in sealing.reseal()]
    return {
        **found,
        "orders": sorted(Order.objects.values_list("state", flat=True)),
        "holds": list(Hold.objects.values_list("state", flat=True)),
        "hash as it was": first.content_hash == FIRST.named("marketing.OddsVersion")[0]["content_hash"],
        "resealed": resealed,
        "opened again": opened() == found["opened"],
    }


def live() -> dict[str, Any]:
    """Alice of that release leaves and comes back; Bob had left, Carol was on a list."""
    alice, bob, carol = FIRST.user(nickname="Alice"), FIRST.user(status="closed"), FIRST.user(nickname="Carol")
    activity_id = staged_activity(channel="web", source="home").id
    free_of_a_stranger = chat.quota_of(user_id=carol, now=datetime(2026, 1, 1, tzinfo=UTC)).free_left

    purses = Lot.objects.values_list("account__asset", "purse").annotate(Sum("granted"), Sum("remaining"))
    lots = [list(purse) for purse in purses.order_by("account__asset", "purse")]
    accounts.close_account(user_id=alice, confirm="Alice", now=THEN)
    returned = accounts.register_member(openid="oAliceOpenid0001", now=THEN).id
    handlers.on_user_registered(UserRegistered(user_id=returned, invite_code="", occurred_at=THEN))
    seat = marketing.account_of(user_id=returned, activity_id=activity_id, now=THEN)
    offers = {offer.code: offer for offer in exchange_offers(user_id=returned, now=THEN)}
    return {
        "alice is recognised": accounts.person_of(user_id=returned) == accounts.person_of(user_id=alice),
        "bob is not": Person.objects.get(pk=accounts.person_of(user_id=bob)).key_hash is None,
        "granted and left by purse": lots,
        "points of the new account": seat.points,
        "draws so far": seat.used_total,
        "signed in today": seat.signed_in_today,
        "signing in again": refusal(lambda: marketing.sign_in(user_id=returned, now=THEN)),
        "left of the limited item": offers["one-gift"].left_for_member,
        "free messages gone": free_of_a_stranger - chat.quota_of(user_id=returned, now=THEN).free_left,
        "carol draws": refusal(
            transaction.atomic(lambda: accounts.hold_active(user_id=carol, scope=ListScope.DRAW, now=THEN)),
        ),
        "a draw is changed": refusal(change_a_draw),
    }


def main() -> None:
    """Migrate, load, migrate, finish, audit, live, audit."""
    with at(THEN + timedelta(minutes=1)):
        leave_unfinished(FIRST.land())
        talk_on()
        call_command("migrate", verbosity=0)
        found = talked() | finish() | {"audit": audit()}
        found |= live()
        found["audit afterwards"] = audit()
    sys.stdout.write(json.dumps(found) + "\n")
