"""What the official account says: a default for each reply, which operators may word in their own way.

Those of this app stand below; another app's stand in its `handlers`.
"""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext, gettext_noop

from apps.accounts import rules
from apps.accounts.errors import ReplyTextNotKnown
from apps.accounts.models import ReplyText
from apps.kernel import configuration
from apps.kernel.fresh import Fresh


@dataclass(frozen=True)
class _Reply:
    """One reply: its default (a text to translate), and the placeholders that no wording may leave out."""

    default: str
    required: frozenset[str]


_replies: dict[str, _Reply] = {}
_wordings = Fresh(lambda: dict(ReplyText.objects.values_list("key", "text")))


def register_reply_text(*, key: str, default: str, required: tuple[str, ...] = ()) -> None:
    """Make a reply known when the app that sends it is loaded; its default names the placeholders.

    Raises ValueError if another default has the key.
    """
    reply = _Reply(default, frozenset(required))
    if _replies.setdefault(key, reply) != reply:
        raise ValueError(f"the reply text {key!r} is taken")


def reply_texts() -> dict[str, str]:
    """Every known key with its default in the language of the moment."""
    return {key: gettext(reply.default) for key, reply in sorted(_replies.items())}


def reply_text(*, key: str, **values: str | int) -> str:
    """The text to send, with its placeholders filled; an operator's change counts within two seconds."""
    default = gettext(_replies[key].default)
    try:
        return _wordings.get().get(key, default).format(**values)
    except KeyError:  # worded when the reply had other placeholders
        return default.format(**values)


def check_reply_text(*, key: str, text: str) -> None:
    """Refuse a wording that could not be sent.

    Raises ReplyTextNotKnown, ReplyTextNotValid.
    """
    reply = _replies.get(key)
    if reply is None:
        raise ReplyTextNotKnown()
    rules.check_wording(text, allowed=rules.placeholders_of(reply.default), required=reply.required)


def save_reply_text(*, key: str, text: str, actor: str, reason: str, now: datetime) -> None:
    """Word a reply in another way. `actor` is "staff:<id>".

    Raises ReplyTextNotKnown, ReplyTextNotValid, ReasonMissing.
    """
    check_reply_text(key=key, text=text)
    configuration.save(ReplyText, key={"key": key}, values={"text": text}, actor=actor, reason=reason, now=now)
    _wordings.forget()


def reset_reply_text(*, key: str, actor: str, reason: str, now: datetime) -> None:
    """Go back to the default; a reply that has it already keeps it. `actor` is "staff:<id>". Raises ReasonMissing."""
    configuration.remove(ReplyText, key={"key": key}, actor=actor, reason=reason, now=now)
    _wordings.forget()


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

register_reply_text(
    key="scan_ask",
    default=gettext_noop(
        "Sign in on the site?\n\nBrowser: {browser}\nNetwork: {network}\nStarted: {time}\n\n"
        "If this is you, send the two digits that the page shows. If not, send “{no}”, and nobody gets in."
    ),
    required=("browser", "network", "time", "no"),
)
register_reply_text(key="scan_number", default=gettext_noop("Please send the two digits that the sign-in page shows."))
register_reply_text(
    key="scan_wrong_number",
    default=gettext_noop("This is not the number on the page. Look again, or send “{no}”, and nobody gets in."),
)
register_reply_text(key="scan_confirmed", default=gettext_noop("Done. {browser} is signed in."))
register_reply_text(
    key="scan_refused", default=gettext_noop("Refused. Nobody was signed in; you need not do anything else.")
)
register_reply_text(
    key="scan_gone",
    default=gettext_noop("This sign-in code is no longer valid. Renew it on the page and scan the new one."),
)
register_reply_text(
    key="scan_taken",
    default=gettext_noop("Somebody else has scanned this code already. Renew it on your page and scan the new one."),
)
register_reply_text(
    key="scan_nothing",
    default=gettext_noop("There is no sign-in waiting for your answer. Scan the code on the sign-in page first."),
)
