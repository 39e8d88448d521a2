"""What marketing does when something happened: each reaction is one service call in the outbox's transaction.

And what it answers when a follower writes to the official account.
"""

from django.utils.translation import gettext_noop

from apps.accounts import services as accounts
from apps.accounts.contracts import LOGIN_KEYWORD, Command
from apps.accounts.events import UserRegistered
from apps.kernel import clock, outbox
from apps.kernel.ids import UserId
from apps.marketing import services
from apps.marketing.contracts import PAYMENT, REGISTER, SIGN_IN
from apps.marketing.errors import AlreadySignedIn
from apps.marketing.events import PrizeWon, SignedIn
from apps.orders.events import OrderPaid


@outbox.subscriber(PrizeWon, queue="deliveries")
def on_prize_won(event: PrizeWon) -> None:
    """Hand the prize over."""
    services.deliver_prize(delivery_id=event.delivery_id, now=clock.now())


@outbox.subscriber(OrderPaid, queue="rebates")
def on_order_paid(event: OrderPaid) -> None:
    """Reward a payment."""
    services.grant_rebates(
        user_id=event.user_id,
        behaviour=PAYMENT,
        behaviour_key=f"order:{event.order_id}",
        amount_fen=event.amount_fen,
        now=clock.now(),
    )


@outbox.subscriber(SignedIn, queue="rebates")
def on_signed_in(event: SignedIn) -> None:
    """Reward a daily sign-in of the release that did not do so at once; for any later one nothing is left to give."""
    services.grant_rebates(
        user_id=UserId(event.user_id),
        behaviour=SIGN_IN,
        behaviour_key=f"sign_in:{event.sign_in_id}",
        now=clock.now(),
    )


@outbox.subscriber(UserRegistered, queue="rebates")
def on_user_registered(event: UserRegistered) -> None:
    """Reward a registration, once per person: who comes back gets nothing, not even by a newer rule."""
    if event.is_returning:
        return
    services.grant_rebates(
        user_id=event.user_id,
        behaviour=REGISTER,
        behaviour_key=f"person:{accounts.person_of(user_id=event.user_id)}",
        now=clock.now(),
    )


def answer_sign_in(command: Command) -> str:
    """Sign the member in for the day, from WeChat."""
    if command.user_id is None:
        return accounts.reply_text(key="not_a_member", keyword=LOGIN_KEYWORD)
    try:
        receipt = services.sign_in(user_id=command.user_id, now=command.now)
    except AlreadySignedIn:
        week = services.sign_in_week(user_id=command.user_id, now=command.now)
        return accounts.reply_text(key="signed_in_before", streak=week.streak)
    return accounts.reply_text(key="signed_in", points=receipt.points, chances=receipt.chances, streak=receipt.streak)


accounts.register_reply_text(
    key="signed_in",
    default=gettext_noop("Signed in for today: +{points} points, +{chances} draws. Days in a row: {streak}."),
)
accounts.register_reply_text(
    key="signed_in_before",
    default=gettext_noop("You have signed in today already. Days in a row: {streak}. See you tomorrow."),
)
accounts.register_command(("签到", "打卡", "check in"), answer_sign_in)
