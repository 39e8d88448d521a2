"""What a forger does to each table of money, luck and rights, and the number under which the audit names it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth import get_user_model
from django.db.models import F, Model

from apps.accounts import services as accounts
from apps.accounts.models import ApiKey, MemberSession
from apps.chat.models import (
    AnswerUsage,
    Attempt,
    Channel,
    ChannelHealth,
    Conversation,
    Entitlement,
    FreeUse,
    Generation,
    Message,
    Picture,
    Report,
    Reveal,
    WordSheet,
)
from apps.kernel import clock
from apps.kernel.models import OutboxDelivery, OutboxEvent
from apps.ledger.contracts import HoldState, system_account
from apps.ledger.models import Account, Hold, Transfer
from apps.marketing.models import (
    Activity,
    Adjustment,
    Delivery,
    Draw,
    ExchangeItem,
    ExchangeOrder,
    ExchangeTally,
    OddsVersion,
    Prize,
    PrizeStock,
    Rebate,
    Seat,
    SignIn,
)
from apps.orders.models import Notification, Order, OrderHistory, Payment, Product
from tests.cast import member
from tests.rows import unguard_all

Forgery = tuple[str, Callable[[], Any], str]


def _quota() -> Account:
    return Account.objects.get(asset="quota", is_system=False, balance__gt=0)


def _moved(account: Account, amount: int, cause_type: str, leg: str, cause_id: str | None = None) -> Transfer:
    """A movement out of nowhere, with the balance that it makes: the ledger alone cannot tell."""
    Account.objects.filter(pk=account.pk).update(balance=F("balance") + amount)
    return Transfer.objects.create(
        debit_id=system_account("issuer", account.asset).id,
        credit_id=account.pk,
        asset=account.asset,
        amount=amount,
        kind="prize",
        cause_type=cause_type,
        cause_id=cause_id or str(uuid4()),
        leg=leg,
        credit_balance_after=account.balance + amount,
        created_at=clock.now(),
    )


def _held(account: Account, cause_type: str) -> None:
    """A hold that nobody asked for and that locks what the member has."""
    Account.objects.filter(pk=account.pk).update(held=F("held") + 1)
    Hold.objects.create(
        account_id=account.pk,
        amount=1,
        kind="chat",
        cause_type=cause_type,
        cause_id=str(uuid4()),
        deadline_at=clock.now() + timedelta(minutes=20),
        created_at=clock.now(),
    )


def _deleted(rows: Any) -> None:
    rows._raw_delete("default")


def _forgotten(answers: Any) -> None:
    """Answers go, and with them what they took, what was said of them and what they drew."""
    for rows in (
        AnswerUsage.objects.filter(generation__in=answers),
        Attempt.objects.filter(generation__in=answers),
        Reveal.objects.filter(report__generation__in=answers),
        Report.objects.filter(generation__in=answers),
        Picture.objects.filter(generation__in=answers),
    ):
        unguard_all(rows.model._meta.db_table)
        _deleted(rows)
    _deleted(answers)


def _copied(row: Model, **changes: Any) -> None:
    row.pk = uuid4()
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(force_insert=True)


def _copied_day(row: FreeUse, *, days: int) -> None:
    row.pk, row.day = None, row.day + timedelta(days=days)
    row.save(force_insert=True)


def _changed(rows: Any, **changes: Any) -> None:
    assert rows.update(**changes)


def _forced(rows: Any, **changes: Any) -> None:
    """Change what a trigger keeps."""
    unguard_all(rows.model._meta.db_table)
    _changed(rows, **changes)


def _second_version() -> UUID:
    return OddsVersion.objects.get(state="retired").pk


def _an_entitlement() -> None:
    stranger = get_user_model().objects.get(nickname="Bob")
    model = Entitlement.objects.get().model
    Entitlement.objects.create(
        user=stranger,
        model=model,
        cause_type="orders.entitlement",
        cause_id=str(uuid4()),
        number=1,
        created_at=clock.now(),
    )


def _now(**ahead: float) -> Any:
    return clock.now() + timedelta(**ahead)


def _bob() -> Any:
    return get_user_model().objects.get(nickname="Bob")


def _left() -> Any:
    """Charlie, who has closed his account."""
    charlie = member("charlie")
    accounts.close_account(user_id=charlie.id, confirm=charlie.nickname, now=clock.now())
    return get_user_model().objects.get(pk=charlie.id)


_UNSETTLED = {"state": "queued", "settled_at": None, "charged_milli": 0, "is_delivered": False}


def _a_thought() -> None:
    _forced(Generation.objects.all(), user=_left(), text="", reasoning="a secret")


def _a_session() -> None:
    now = clock.now()
    MemberSession.objects.create(user=_left(), key_hash="0" * 64, method="code", last_seen_at=now, created_at=now)


def _surplus() -> Any:
    return Payment.objects.filter(standing="surplus")


def _attached() -> Any:
    return Payment.objects.filter(standing="attached")


def _waiting() -> Any:
    return OutboxDelivery.objects.filter(state="pending")


def _last_win() -> Any:
    return OutboxDelivery.objects.filter(handler__endswith="on_prize_won").order_by("-pk").values_list("pk")[:1]


def _open() -> Any:
    return Report.objects.filter(state="open")


def _reopened() -> None:
    decided = Report.objects.exclude(state="open")
    _forced(decided, state="open", result="", decided_by="", decided_at=None)


def _due_next_month() -> None:
    unguard_all("chat_report")
    _changed(_open(), due_at=_now(days=30))


def _repriced() -> None:
    """A price that no operator set, and an order at it."""
    unguard_all("orders_order")
    _changed(Product.objects.all(), amount_fen=1)
    _changed(Order.objects.all(), amount_fen=1)


# With the triggers on: (what, how, number).
WITH_TRIGGERS: list[Forgery] = [
    ("an invented cause", lambda: _moved(_quota(), 5000, "orders.gift", "quota"), "I-51"),
    ("a purchase of no order", lambda: _moved(_quota(), 5000, "orders.order", "quota"), "I-07"),
    ("a prize of no delivery", lambda: _moved(_quota(), 5000, "marketing.delivery", "quota"), "I-30"),
    ("a rebate of no rule", lambda: _moved(_quota(), 5000, "marketing.rebate", "points"), "I-41"),
    ("an exchange of no order", lambda: _moved(_quota(), 5000, "marketing.exchange", "quota"), "I-44-moved"),
    ("an adjustment of nobody", lambda: _moved(_quota(), 5, "marketing.adjustment", "quota"), "I-51-adjustments"),
    ("a stray hold", lambda: _held(_quota(), "chat.generation"), "I-17"),
    ("a hold of an invented cause", lambda: _held(_quota(), "chat.other"), "I-51"),
    ("a raised balance", lambda: _changed(Account.objects.filter(pk=_quota().pk), balance=F("balance") + 1), "I-03"),
    ("an invented entitlement", _an_entitlement, "I-50"),
    ("another state", lambda: _changed(Order.objects.filter(state="closed"), state="mismatch"), "I-39b"),
    ("a lost notice", lambda: _deleted(Notification.objects.filter(outcome="settled")), "I-47"),
    ("a notice parked for nine days", lambda: _changed(_waiting(), available_at=_now(days=9)), "I-46"),
    ("a dead notice", lambda: _changed(_waiting(), state="dead"), "I-46"),
    ("forgotten free uses", lambda: _changed(FreeUse.objects.all(), used=0), "I-17-free"),
    (
        "free uses of last month",
        lambda: _copied_day(FreeUse.objects.all()[0], days=-30),
        "I-17-free",
    ),
    ("an unspent key", lambda: _changed(ApiKey.objects.all(), spent_milli=0), "I-17-keys"),
    ("a retired version", lambda: _changed(Activity.objects.all(), odds_id=_second_version()), "I-26-odds"),
    ("a stock of more", lambda: _changed(PrizeStock.objects.all(), issued=F("issued") + 1), "I-21"),
    ("a seat's first seed", lambda: _changed(Seat.objects.filter(nonce=0), server_seed="00" * 32), "I-25"),
    ("a seat's next seed", lambda: _changed(Seat.objects.filter(nonce__gt=0), server_seed="00" * 32), "I-25"),
    ("a malformed seed", lambda: _changed(Seat.objects.filter(nonce=0), server_seed="zz"), "I-25"),
    ("more draws than counted", lambda: _changed(Seat.objects.all(), drawn_total=0), "I-22"),
    ("sold more than bought", lambda: _changed(ExchangeItem.objects.all(), sold=F("sold") + 1), "I-44"),
    ("a forgotten tally", lambda: _changed(ExchangeTally.objects.all(), bought=0), "I-44"),
    ("an invented rebate", lambda: _copied(Rebate.objects.all()[0], behaviour_key=f"order:{uuid4()}"), "I-41-deeds"),
    ("an untold sign-in", lambda: _copied(SignIn.objects.get(), local_day=_now(days=-3).date()), "I-46-marketing"),
    ("a sign-in of next week", lambda: _copied(SignIn.objects.get(), local_day=_now(days=7).date()), "I-52"),
    ("an event of next week", lambda: _copied(OutboxEvent.objects.all()[0], created_at=_now(days=7)), "I-52"),
    ("an exchange without a price", lambda: _copied(ExchangeOrder.objects.get(), request_id="free"), "I-44-moved"),
    (
        "a draw without a chance",
        lambda: _copied(Draw.objects.all()[0], request_id="x", ordinal=9, request_count=10, nonce=9),
        "I-19",
    ),
    ("a title of who left", lambda: _copied(Conversation.objects.all()[0], user=_left(), head=None), "I-64"),
    ("a text of who left", lambda: _forced(Message.objects.filter(role="user"), user=_left(), client_id=None), "I-64"),
    ("a thought for who left", _a_thought, "I-64"),
    ("a picture of who left", lambda: _forced(Picture.objects.filter(message=None), user=_left()), "I-64"),
    (
        "an answer for who left",
        lambda: _forced(Generation.objects.all(), user=_left(), **_UNSETTLED),
        "I-64",
    ),
    ("a key of who left", lambda: _copied(ApiKey.objects.get(), user=_left(), key_hash="0" * 64), "I-64-accounts"),
    ("a session of who left", _a_session, "I-64-accounts"),
    ("a look without a reason", lambda: _copied(Reveal.objects.get()), "I-66-reveals"),
    (
        "a report that nobody decided",
        lambda: _changed(_open(), state="dismissed", decided_by="staff:1", decided_at=_now()),
        "I-66-decisions",
    ),
    (
        "a report that another operator decided",
        lambda: _forced(Report.objects.exclude(state="open"), decided_by="staff:2"),
        "I-66-decisions",
    ),
    (
        "a report decided otherwise",
        lambda: _changed(Report.objects.exclude(state="open"), state="dismissed"),
        "I-66-decisions",
    ),
    ("a report that is open again", _reopened, "I-66-decisions"),
    ("a report that waits for a month", _due_next_month, "I-52"),
    (
        "a channel that is left alone for a day",
        lambda: ChannelHealth.objects.create(channel=Channel.objects.get(), state="open", retry_at=_now(days=1)),
        "I-52",
    ),
    ("an adjustment of nothing", lambda: _copied(Adjustment.objects.get(), request_id="x"), "I-51-adjustments"),
]

# Tables whose rows a trigger keeps: (table, what a forger does once the trigger is gone, number).
WITHOUT_TRIGGERS: list[Forgery] = [
    ("ledger_transfer", lambda: _changed(Transfer.objects.filter(kind="purchase"), amount=F("amount") + 1), "I-03"),
    # What granted a lot is kept by the lot's key.
    (
        "ledger_transfer",
        lambda: _deleted(Transfer.objects.filter(cause_type="marketing.rebate", leg="chances")),
        "I-41",
    ),
    ("ledger_hold", lambda: _deleted(Hold.objects.filter(state=HoldState.POSTED)), "I-17"),
    ("ledger_hold", lambda: _changed(Hold.objects.filter(state="posted"), posted_amount=1), "I-13"),
    ("ledger_account", lambda: _changed(Account.objects.filter(pk=_quota().pk), owner="user:other"), "I-03"),
    ("chat_entitlement", lambda: _deleted(Entitlement.objects.all()), "I-50"),
    ("chat_entitlement", lambda: _changed(Entitlement.objects.all(), days=9, ends_at=_now(days=9)), "I-50"),
    ("chat_entitlement", lambda: _changed(Entitlement.objects.all(), days=9, ends_at=_now(days=10)), "I-50-ends"),
    ("chat_entitlement", lambda: _changed(Entitlement.objects.all(), number=2), "I-50-ends"),
    ("chat_generation", lambda: _forgotten(Generation.objects.filter(charged_milli__gt=0)), "I-17"),
    ("chat_generation", lambda: _forgotten(Generation.objects.filter(paid_by="free")), "I-17-answers"),
    ("chat_answerusage", lambda: _deleted(AnswerUsage.objects.all()), "I-17-usage"),
    ("chat_wordsheet", lambda: _changed(WordSheet.objects.exclude(words=""), words="other"), "I-62-words"),
    ("chat_wordsheet", lambda: _deleted(WordSheet.objects.exclude(words="")), "I-62-words"),
    ("chat_reveal", lambda: _changed(Reveal.objects.all(), by="staff:2"), "I-66-reveals"),
    ("orders_order", lambda: _changed(Order.objects.filter(state="delivered"), user=_bob(), request_id="x"), "I-07"),
    ("orders_order", lambda: _changed(Order.objects.all(), quota_milli=F("quota_milli") * 2), "I-39"),
    ("orders_product", _repriced, "I-39"),
    ("orders_orderhistory", lambda: _deleted(OrderHistory.objects.all()), "I-39b"),
    ("orders_payment", lambda: _deleted(_surplus()), "I-34-parked"),
    ("orders_payment", lambda: _deleted(_attached()), "I-32"),
    ("orders_payment", lambda: _changed(_attached(), amount_fen=1), "I-32"),
    ("orders_payment", lambda: _changed(_surplus(), created_at=_now(days=-4)), "I-52-payments"),
    (
        "orders_notification",
        lambda: _changed(Notification.objects.all(), outcome="unknown_order", created_at=_now(days=-9)),
        "I-47",
    ),
    (
        "kernel_outboxdelivery",
        lambda: _deleted(OutboxDelivery.objects.filter(pk=_last_win())),
        "I-46-lost",
    ),
    (
        "kernel_outboxevent",
        lambda: _changed(OutboxEvent.objects.filter(topic="orders.order_paid"), topic="x"),
        "I-46-orders",
    ),
    (
        "kernel_outboxevent",
        lambda: _changed(OutboxEvent.objects.filter(topic="marketing.prize_won"), topic="x"),
        "I-46-marketing",
    ),
    (
        "kernel_outboxevent",
        lambda: _changed(OutboxEvent.objects.filter(topic__startswith="accounts."), topic="x"),
        "I-46-accounts",
    ),
    ("marketing_draw", lambda: _changed(Draw.objects.all(), roll=0), "I-25"),
    ("marketing_draw", lambda: _changed(Draw.objects.all(), client_seed="mine"), "I-25"),
    ("marketing_delivery", lambda: _deleted(Delivery.objects.all()), "I-28"),
    ("marketing_rebate", lambda: _deleted(Rebate.objects.all()), "I-41"),
    ("marketing_exchangeorder", lambda: _deleted(ExchangeOrder.objects.all()), "I-44-moved"),
    ("marketing_signin", lambda: _deleted(SignIn.objects.all()), "I-41-deeds"),
    ("marketing_adjustment", lambda: _changed(Adjustment.objects.all(), amount=1), "I-51-adjustments"),
    ("marketing_prize", lambda: _changed(Prize.objects.all(), title="Other"), "I-48"),
    ("marketing_oddsversion", lambda: _changed(OddsVersion.objects.all(), declared_total=7), "I-48"),
    ("marketing_oddsversion", lambda: _changed(OddsVersion.objects.all(), content="{}"), "I-48"),
    ("marketing_participation", lambda: _changed(Seat.objects.all(), first_seed_hash="0" * 64), "I-25"),
]


def unguarded(table: str, forge: Callable[[], Any]) -> None:
    """Forge rows of a table whose triggers were dropped first."""
    unguard_all(table)
    forge()
