"""A corrupted row of every table of money, luck and rights is refused, or the audit names it.

A new table of that kind needs a check in its app's invariants, and a forgery here that the check names.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from pytest_django import DjangoDbBlocker

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import services as chat
from apps.chat.contracts import GenerationState, Outcome, PerImage, PerSize, PerTokens, Reported, UpstreamCost
from apps.kernel import audit_chain, clock, outbox
from apps.kernel.invariants import Invariant, all_invariants, find
from apps.kernel.models import OutboxDelivery
from apps.marketing import services as marketing
from apps.marketing.contracts import AdjustedAsset, AdjustmentRequest, Limits
from apps.marketing.models import Seat
from apps.orders import services as orders
from tests.cast import member
from tests.integration.chat.conftest import make_model, send, set_limits, whole_attempt
from tests.integration.marketing import campaign
from tests.integration.ops import forgeries_chat, forgeries_kernel, forgeries_ledger, forgeries_marketing, rights
from tests.integration.ops.forgeries import WITH_TRIGGERS as FORGERIES
from tests.integration.ops.forgeries import WITHOUT_TRIGGERS as UNGUARDED
from tests.integration.ops.forgeries import Forgery, unguarded
from tests.integration.orders.wechat_server import WechatServer, connect, notice, signature

# One worker builds the site once.
pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("forger")]

# Tables that no forgery is about, and why.
EXPLAINED = {
    # Configuration: every row equals its last entry on the trail (I-62; NAMED in forgeries_<app>.py).
    "accounts.ReplyText",
    "chat.BlockedNetwork",
    "chat.ChannelKey",
    # Members' own: without triggers forged column by column (EXPLAINED in forgeries_chat.py); it moves no money.
    "chat.OwnKey",
    "chat.OwnPrompt",
    "chat.ChatPolicy",
    "chat.ChatRule",
    "chat.Route",
    "chat.Starter",
    "chat.WordList",
    "kernel.Switch",
    "chat.ChatModel",
    # What two people decided: forged column by column (I-63; NAMED in forgeries_kernel.py).
    "kernel.Proposal",
    # Neither money, luck nor rights: they may be lost.
    "chat.AnswerVectors",
    "chat.RefusalCount",
    "kernel.CheckRun",
    "kernel.IdempotencyKey",
    "kernel.RateWindow",
    "accounts.LoginEvent",
    # Django's groups, which are forged under that name.
    "accounts.Role",
    # A view over transfers.
    "ledger.Entry",
}
WITH_TRIGGERS = [
    *FORGERIES,
    *forgeries_kernel.WITH_TRIGGERS,
    *forgeries_ledger.WITH_TRIGGERS,
    *forgeries_marketing.WITH_TRIGGERS,
    *rights.NAMED,
]
WITHOUT_TRIGGERS = [
    *UNGUARDED,
    *forgeries_kernel.WITHOUT_TRIGGERS,
    *forgeries_ledger.WITHOUT_TRIGGERS,
    *forgeries_marketing.WITHOUT_TRIGGERS,
]
REFUSED = [*forgeries_chat.REFUSED, *forgeries_marketing.REFUSED, *rights.REFUSED]
APPS = ("ledger", "orders", "marketing", "chat", "kernel", "accounts")


def pay(wechat: WechatServer) -> None:
    """The member pays the newest trade, and the provider tells."""
    wechat.trade().pay()
    body = notice(wechat.trade().transaction())
    orders.receive_notice(gateway="wechat", headers=signature(body), body=body, now=clock.now())


def shop(alice: Member, bob: Member, wechat: WechatServer) -> None:
    """Alice buys quota and a model, pays twice, and asks; Bob gives up his order."""
    set_limits(free_per_day=1)
    make_model()
    make_model("vip", needs_entitlement=True)
    rates = (PerSize(size="512x512", milli=900), PerSize(size="1024x1024", quality="hd", milli=4000))
    make_model("painter", kind="image", price=PerImage(image_milli=2500, rates=rates))
    make_model("exact", price=PerTokens(input_milli=200, cached_milli=50, output_milli=800), is_in_free_allowance=False)
    cost = UpstreamCost(input_microyuan=2000, cached_microyuan=500, output_microyuan=8000)
    for code in ("base", "exact"):
        chat.save_route_cost(model_code=code, channel_code="test", cost=cost, now=clock.now())
    product = orders.save_product(
        code="pack", title="100 credits", amount_fen=990, quota_milli=100_000, entitlements=["vip"], now=clock.now()
    )

    def place(member: Member) -> object:
        return orders.place_order(
            user_id=member.id,
            product_id=product.id,
            gateway="wechat",
            expected_amount_fen=990,
            request_id="tap",
            now=clock.now(),
        )

    place(alice)
    pay(wechat)
    wechat.trade().pay(transaction_id="4200000000000000000000000002")
    body = notice(wechat.trade().transaction())
    orders.receive_notice(gateway="wechat", headers=signature(body), body=body, now=clock.now())
    given_up = place(bob)
    orders.cancel_order(user_id=bob.id, order_id=given_up.id, now=clock.now())  # type: ignore[attr-defined]
    made = accounts.create_api_key(user_id=alice.id, name="script", scopes=("chat",), now=clock.now())
    key = accounts.identify_key(key=made.key, address="127.0.0.1", now=clock.now())
    send(alice.id)
    send(alice.id, key=key)
    send(alice.id, model="exact")
    alone = [{"role": "user", "parts": [{"type": "text", "text": "hello"}]}]
    chat.start_generation(user_id=alice.id, model="base", request=alone, now=clock.now())
    said = Reported(input_tokens=12, cached_tokens=4, output_tokens=8, reasoning_tokens=3)
    done = Outcome(state=GenerationState.FINISHED, text="Hello!", finish_reason="stop", reported=said, latency_ms=900)
    for job in chat.claim_jobs(limit=5, now=clock.now()):
        end = replace(done, route_id=job.targets[0].route_id)
        of = {"generation_id": job.generation_id, "lease_token": job.lease_token}
        chat.finish_run(**of, outcome=end, attempt=whole_attempt(job), now=clock.now())


def play(alice: Member, bob: Member) -> None:
    """Alice signs in, wins, exchanges and is helped; Bob only takes a seat."""
    now = clock.now()
    activity = campaign.activity()
    marketing.save_activity(
        code=activity.code,
        title=activity.title,
        subtitle=activity.subtitle,
        starts_at=now - timedelta(days=30),
        ends_at=now + timedelta(days=30),
        time_zone="Asia/Shanghai",
        limits=Limits(),
        now=now,
    )
    campaign.publish(activity.id, campaign.sure(campaign.POINTS_PRIZE, activity.id, stock=10))
    for code, behaviour in (("daily", "sign_in"), ("pay", "payment")):
        marketing.save_rebate_rule(
            code=code, title=code, behaviour=behaviour, points=30, chances=6, activity_id=activity.id, now=now
        )
    marketing.sign_in(user_id=alice.id, now=now)
    deliver_all()
    for _ in range(2):
        campaign.draw(alice.id, activity.id, now=clock.now())
    item = marketing.save_exchange_item(
        code="credits", title="5 credits", kind="quota", amount=5000, price_points=2, now=now
    )
    marketing.exchange(user_id=alice.id, item_id=item, quantity=3, request_id="tap", now=clock.now())
    request = AdjustmentRequest(
        user_id=alice.id, asset=AdjustedAsset.QUOTA, activity_id=None, amount=700, incident="1", request_id="help"
    )
    marketing.adjust(request=request, actor="staff:1", reason="an outage", now=clock.now())
    marketing.account_of(user_id=bob.id, activity_id=activity.id, now=clock.now())
    deliver_all()


def deliver_all() -> None:
    """What the workers do."""
    for pk in OutboxDelivery.objects.filter(state="pending").values_list("pk", flat=True):
        assert outbox.deliver(delivery_id=pk, now=clock.now())


@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A small site on which everything happened once, and nothing is wrong; one event waits for its worker."""
    with django_db_blocker.unblock(), transaction.atomic(), pytest.MonkeyPatch.context() as patch:
        alice, bob = member("alice"), member("bob")
        shop(alice, bob, connect(patch))
        play(alice, bob)
        forgeries_chat.moderate(alice)
        forgeries_chat.bring_own_key(bob.id)
        forgeries_chat.keep_prompts(bob.id)
        rights.rule(alice, bob)
        accounts.register_member(openid="oCharlieOpenid0001", now=clock.now())
        audit_chain.extend(first=UUID(int=0), now=clock.now())
        assert Seat.objects.filter(nonce=0).exists()
        assert named(all_invariants()) == {}
        yield
        transaction.set_rollback(True)


@pytest.fixture
def world(built: None, db: None) -> None:
    """The site as it was built, to be forged: what a test does to it ends with the savepoint that `db` opens in it."""


def named(checks: Iterable[Invariant]) -> dict[str, str]:
    """What these checks find, by number."""
    findings = [find(item, now=clock.now()) for item in checks]
    return {found.invariant.number: str(found.breaches[0]) for found in findings if found.breaches}


def checks_of(number: str) -> list[Invariant]:
    """The checks of one number, which find nothing yet."""
    checks = [item for item in all_invariants() if item.number == number]
    assert named(checks) == {}
    return checks


@pytest.mark.parametrize("forgery", WITH_TRIGGERS, ids=lambda forgery: forgery[0])
def test_a_forged_row_is_refused_or_named(world: None, forgery: Forgery) -> None:
    _, forge, number = forgery
    checks = checks_of(number)
    forge()

    assert number in named(checks)


@pytest.mark.parametrize(("what", "forge"), REFUSED, ids=lambda part: part if isinstance(part, str) else "")
def test_what_gives_rights_or_luck_is_refused(world: None, what: str, forge: Callable[[], Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        forge()


@pytest.mark.parametrize("forgery", WITHOUT_TRIGGERS, ids=lambda forgery: f"{forgery[0]} {forgery[2]}")
def test_a_row_that_is_kept_is_refused_and_without_its_trigger_named(world: None, forgery: Forgery) -> None:
    table, forge, number = forgery
    checks = checks_of(number)
    if table != "orders_product":
        with pytest.raises(IntegrityError), transaction.atomic():
            forge()
    unguarded(table, forge)

    assert number in named(checks)


def test_every_table_of_money_luck_and_rights_has_its_forger() -> None:
    forgeries = [forge for _, forge, _ in [*WITH_TRIGGERS, *WITHOUT_TRIGGERS]]
    forgeries += [forge for _, forge in REFUSED]
    forged = {name for forge in forgeries for name in forge.__code__.co_names}
    # Through a function.
    forged |= {"Payment", "Order", "Account", "Entitlement", "OutboxDelivery", "Delivery", "TakeBack", "ListEntry"}
    models = [model for app in APPS for model in apps.get_app_config(app).get_models()]

    without = {f"{model._meta.app_label}.{model.__name__}" for model in models if model.__name__ not in forged}
    assert without == EXPLAINED, "a table of money, luck or rights needs a check and a forgery (forgeries.py)"


def test_the_table_names_are_the_databases(world: None) -> None:
    assert {table for table, _, _ in WITHOUT_TRIGGERS} <= set(connection.introspection.table_names())
