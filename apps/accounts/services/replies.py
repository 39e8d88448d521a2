"""What a follower can ask the official account for: words, and what answers them. Open to other apps."""

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts import rules, selectors
from apps.accounts.contracts import LOGIN_KEYWORD, Command, CommandHandler
from apps.accounts.errors import MemberBlocked
from apps.accounts.services.scanning import ask_for_number, confirm_scan, refuse_scan
from apps.accounts.services.sign_in import issue_code
from apps.accounts.services.wordings import reply_text
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


def hint() -> str:
    """The reply to what we cannot read."""
    return reply_text(key="unknown", keyword=LOGIN_KEYWORD)


def busy() -> str:
    """The reply while we cannot reach our own database; so no operator can word it."""
    return _("We are a little busy right now. Please send it again in a minute.")


def _login(command: Command) -> str:
    if command.user_id is not None and selectors.is_kept_out(command.user_id, now=command.now):
        raise MemberBlocked()
    return reply_text(
        key="code",
        code=issue_code(identity_id=command.identity_id, now=command.now),
        minutes=rules.CODE_MINUTES,
    )


def _confirm(command: Command) -> str:
    number = rules.normalise_command(command.text)
    return confirm_scan(identity_id=command.identity_id, number=number, now=command.now)


def _ask_for_number(command: Command) -> str:
    return ask_for_number(identity_id=command.identity_id, now=command.now)


def _refuse(command: Command) -> str:
    return refuse_scan(identity_id=command.identity_id, now=command.now)


def _help(command: Command) -> str:
    return reply_text(key="help", keyword=LOGIN_KEYWORD)


def _hint(command: Command) -> str:
    return hint()


register_command(rules.LOGIN_WORDS, _login)
register_command(rules.CONFIRM_NUMBERS, _confirm)
register_command(rules.CONFIRM_WORDS, _ask_for_number)
register_command(rules.REFUSE_WORDS, _refuse)
register_command(("帮助", "help", "菜单"), _help)
