"""What a follower can ask the official account for: words, and what answers them. Open to other apps."""

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.accounts import rules
from apps.accounts.contracts import LOGIN_KEYWORD, Command, CommandHandler
from apps.accounts.services.scanning import confirm_scan, refuse_scan
from apps.accounts.services.sign_in import issue_code
from apps.accounts.services.texts import register_reply_text, reply_text
from apps.kernel.errors import DomainError

_handlers: dict[str, CommandHandler] = {}


def register_command(words: Iterable[str], handler: CommandHandler) -> None:
    """Let `handler` answer these words; called in AppConfig.ready() of the app that owns the command.

    Raises ValueError if another handler has one of the words.
    """
    for word in map(rules.normalise_command, words):
        if _handlers.setdefault(word, handler) is not handler:
            raise ValueError(f"the command {word!r} is taken")


def answer_command(command: Command) -> str:
    """The reply to what a follower sent; unknown words get a hint of what works.

    A refusal is a reply too: its title, with what the handler did undone.
    """
    handler = _handlers.get(rules.normalise_command(command.text), _hint)
    try:
        with transaction.atomic():
            return handler(command)
    except DomainError as refusal:
        return _(refusal.title)


def welcome() -> str:
    """The reply to a new follower."""
    return reply_text(key="welcome", keyword=LOGIN_KEYWORD)


def busy() -> str:
    """The reply while we cannot reach our own database; so no operator can word it."""
    return _("We are a little busy right now. Please send it again in a minute.")


def _login(command: Command) -> str:
    return reply_text(
        key="code",
        code=issue_code(identity_id=command.identity_id, now=command.now),
        minutes=int(rules.CODE_LIFETIME.total_seconds()) // 60,
    )


def _confirm(command: Command) -> str:
    return confirm_scan(identity_id=command.identity_id, now=command.now)


def _refuse(command: Command) -> str:
    return refuse_scan(identity_id=command.identity_id, now=command.now)


def _help(command: Command) -> str:
    return reply_text(key="help", keyword=LOGIN_KEYWORD)


def _hint(command: Command) -> str:
    return reply_text(key="unknown", keyword=LOGIN_KEYWORD)


register_command(rules.LOGIN_WORDS, _login)
register_command(rules.CONFIRM_WORDS, _confirm)
register_command(rules.REFUSE_WORDS, _refuse)
register_command(("帮助", "help", "菜单"), _help)

register_reply_text(
    key="welcome",
    default=gettext_noop(
        "Welcome to Chatloop.\n\nTo sign in on the site, send “{keyword}” here and enter the code that comes back."
    ),
)
register_reply_text(
    key="code",
    default=gettext_noop(
        "Your sign-in code: {code}\n\nIt works once, within {minutes} minutes, on the page where you are signing in."
        " Nobody from Chatloop will ever ask you for it."
    ),
    required=("code",),
)
register_reply_text(
    key="help",
    default=gettext_noop(
        "Send “{keyword}” for a sign-in code, “额度” for your balance, or “签到” to sign in for the day."
        " Chatting, orders and prizes are on the site."
    ),
)
register_reply_text(
    key="not_a_member",
    default=gettext_noop("You have not signed in on the site yet. Send “{keyword}” for a code, then ask again."),
)
register_reply_text(
    key="unknown",
    default=gettext_noop("I did not understand that. Send “{keyword}” for a sign-in code, or “帮助” for help."),
)
