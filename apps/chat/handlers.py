"""What chat does when something happened, and what it answers when a follower writes to the official account."""

from django.utils.translation import gettext_noop

from apps.accounts import services as accounts
from apps.accounts.contracts import LOGIN_KEYWORD, Command
from apps.accounts.events import ApiKeyRevoked
from apps.chat import services
from apps.kernel import clock, outbox
from apps.kernel.templatetags.units import credit_number

QUOTA_WORDS = ("额度", "余额", "quota", "balance")


@outbox.subscriber(ApiKeyRevoked, queue="chat")
def on_api_key_revoked(event: ApiKeyRevoked) -> None:
    """Stop what was begun with the key."""
    services.stop_answers_of_key(user_id=event.user_id, key_id=event.key_id, now=clock.now())


def answer_quota(command: Command) -> str:
    """What the member can still spend."""
    if command.user_id is None:
        return accounts.reply_text(key="not_a_member", keyword=LOGIN_KEYWORD)
    quota = services.quota_of(user_id=command.user_id, now=command.now)
    return accounts.reply_text(
        key="quota",
        credits=credit_number(quota.balance_milli - quota.held_milli),
        free_left=quota.free_left,
        free_per_day=quota.free_per_day,
    )


accounts.register_reply_text(
    key="quota",
    default=gettext_noop("Your balance: {credits} credits.\nFree messages left today: {free_left} of {free_per_day}."),
    required=("credits",),
)
accounts.register_command(QUOTA_WORDS, answer_quota)
