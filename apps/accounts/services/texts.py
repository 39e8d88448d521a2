"""What the official account says: a default in the code, which operators may word in their own way."""

import time
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from apps.accounts import rules
from apps.accounts.errors import ReasonMissing, ReplyTextNotKnown
from apps.accounts.models import ReplyText
from apps.kernel import audit

_MAX_AGE_SECONDS = 1.0


@dataclass(frozen=True)
class _Reply:
    """One reply: its default (a text to translate), and the placeholders that no wording may leave out."""

    default: str
    required: frozenset[str]


@dataclass
class _Cache:
    """What this process last read; `read_at` is monotonic seconds."""

    read_at: float = float("-inf")
    wordings: dict[str, str] = field(default_factory=dict)


_replies: dict[str, _Reply] = {}
_cache = _Cache()


def register_reply_text(*, key: str, default: str, required: tuple[str, ...] = ()) -> None:
    """Make a reply known, in AppConfig.ready() of the app that sends it; its default names the placeholders.

    Raises ValueError if another default has the key.
    """
    reply = _Reply(default, frozenset(required))
    if _replies.setdefault(key, reply) != reply:
        raise ValueError(f"the reply text {key!r} is taken")


def reply_texts() -> dict[str, str]:
    """Every known key with its default in the language of the moment."""
    return {key: gettext(reply.default) for key, reply in sorted(_replies.items())}


def reply_text(*, key: str, **values: str | int) -> str:
    """The text to send, with its placeholders filled; an operator's change counts within a second."""
    default = gettext(_replies[key].default)
    try:
        return _wordings().get(key, default).format(**values)
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
    _change(key, text, actor=actor, reason=reason, now=now)


def reset_reply_text(*, key: str, actor: str, reason: str, now: datetime) -> None:
    """Go back to the default; a reply that has it already keeps it. `actor` is "staff:<id>". Raises ReasonMissing."""
    _change(key, None, actor=actor, reason=reason, now=now)


def _change(key: str, text: str | None, *, actor: str, reason: str, now: datetime) -> None:
    if not reason.strip():
        raise ReasonMissing()
    with transaction.atomic():
        row = ReplyText.objects.select_for_update(of=("self",)).filter(key=key).first()
        before = row.text if row else None
        if before == text:
            return
        if text is None:
            ReplyText.objects.filter(key=key).delete()
        else:
            ReplyText.objects.update_or_create(key=key, defaults={"text": text}, create_defaults=_new(key, text, now))
        audit.record(
            actor=actor,
            action="accounts.change_reply_text",
            target=("reply_text", key),
            reason=reason,
            before={"text": before},
            after={"text": text},
            now=now,
        )
    _cache.read_at = float("-inf")


def _new(key: str, text: str, now: datetime) -> dict[str, object]:
    return {"key": key, "text": text, "created_at": now}


def _wordings() -> dict[str, str]:
    if time.monotonic() - _cache.read_at > _MAX_AGE_SECONDS:
        _cache.wordings = dict(ReplyText.objects.values_list("key", "text"))
        _cache.read_at = time.monotonic()
    return _cache.wordings
