"""Prompts to begin with: a member's own, kept, changed and deleted; and the operators', saved and offered."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.accounts import services as accounts
from apps.chat import errors, selectors
from apps.chat.contracts import OwnPromptDetail, StarterDetail
from apps.chat.models import OwnPrompt, Starter
from apps.chat.rules.prompt_library import MAX_CATEGORY, PROMPTS_PER_MEMBER, check_prompt
from apps.chat.rules.word_lists import SensitiveWords
from apps.chat.services.chain import chain
from apps.chat.services.word_lists import lexicon, record_refused
from apps.chat.words.gate import sift
from apps.kernel import audit, configuration
from apps.kernel.fresh import Fresh
from apps.kernel.ids import UserId

_starters = {code: Fresh(partial(selectors.starters, language=code)) for code, _name in settings.LANGUAGES}


def create_own_prompt(*, user_id: UserId, text: str, client_id: str, now: datetime, title: str = "") -> OwnPromptDetail:
    """Keep a prompt; without a title it is called by its beginning. The same client_id again answers what it made.

    Raises PromptNotValid, PromptRefused, PromptsFull, and of accounts MemberClosed, MemberNotFound.
    """
    title, text = check_prompt(title=title, text=text)
    _check_words(title, text, user_id=user_id, now=now)
    with transaction.atomic():
        # Held, or two at once would both be the last that fits, and one would outlive the closing.
        accounts.hold_open(user_id=user_id)
        rows = OwnPrompt.objects.filter(user_id=user_id)
        row = rows.filter(client_id=client_id).first()
        if row is None:
            if rows.count() >= PROMPTS_PER_MEMBER:
                raise errors.PromptsFull(limit=PROMPTS_PER_MEMBER)
            row = OwnPrompt.objects.create(
                user_id=user_id, client_id=client_id, title=title, text=text, created_at=now, updated_at=now
            )
    return selectors.as_own_prompt(row)


def change_own_prompt(
    *, user_id: UserId, prompt_id: UUID, title: str, text: str, version: int, now: datetime
) -> OwnPromptDetail:
    """Replace title and text of the `version` that the member was shown; to be what it is already, any will do.

    Raises PromptNotFound, PromptChanged, PromptNotValid, PromptRefused.
    """
    title, text = check_prompt(title=title, text=text)
    _check_words(title, text, user_id=user_id, now=now)
    with transaction.atomic():
        # Two that were shown one version come here one after the other, and the second sees what the first did.
        rows = OwnPrompt.objects.select_for_update(of=("self",), no_key=True)
        row = rows.filter(pk=prompt_id, user_id=user_id).first()
        if row is None:
            raise errors.PromptNotFound
        if (row.title, row.text) != (title, text):
            if row.version != version:
                raise errors.PromptChanged(version=row.version)
            row.title, row.text, row.version, row.updated_at = title, text, version + 1, now
            row.save(update_fields=["title", "text", "version", "updated_at"])
    return selectors.as_own_prompt(row)


def delete_own_prompt(*, user_id: UserId, prompt_id: UUID) -> None:
    """Delete one of a member's prompts for good. Raises PromptNotFound."""
    if not OwnPrompt.objects.filter(pk=prompt_id, user_id=user_id).delete()[0]:
        raise errors.PromptNotFound


def erase_own_prompts(*, user_id: UserId, now: datetime) -> None:
    """Delete all of a member's prompts, in the caller's transaction."""
    OwnPrompt.objects.filter(user_id=user_id).delete()


def export_own_prompts(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """The member's prompts, oldest first."""
    shown = ("id", "title", "text", "created_at", "updated_at")
    yield from OwnPrompt.objects.filter(user_id=user_id).order_by("pk").values(*shown)


def starters_for(*, language: str) -> tuple[StarterDetail, ...]:
    """What operators offer on pages in this language, in their order, a second old at most.

    Raises KeyError for a language that no page is in.
    """
    return _starters[language].get()


def save_starter(
    *,
    code: str,
    title: str,
    text: str,
    now: datetime,
    category: str = "",
    language: str = "",
    is_enabled: bool = True,
    sort: int = 100,
    actor: str = audit.SYSTEM,
    reason: str = "configuration",
) -> None:
    """Create or change the operators' prompt of this code; `language` "" is offered on pages in all of them.

    Raises PromptNotValid, ConfigurationNotValid, ReasonMissing.
    """
    title, text = check_prompt(title=title, text=text)
    category = " ".join(category.split())
    if len(category) > MAX_CATEGORY:
        raise errors.ConfigurationNotValid(field="category")
    if language and language not in _starters:
        raise errors.ConfigurationNotValid(field="language")
    values = {
        "title": title,
        "text": text,
        "category": category,
        "language": language,
        "is_enabled": is_enabled,
        "sort": sort,
    }
    configuration.save(Starter, key={"code": code}, values=values, actor=actor, reason=reason, now=now)
    for copy in _starters.values():
        copy.forget()


def _check_words(title: str, text: str, *, user_id: UserId, now: datetime) -> None:
    """What would be refused as a question is not kept to become one; what is masked there is masked there.

    Raises PromptRefused.
    """
    if all(rule.code != SensitiveWords.code for rule in chain()):
        return
    sifted = sift(f"{title}\n{text}", lexicon())
    if sifted.is_rejected:
        record_refused(errors.WordsRefused(found=sifted.found), user_id=user_id, now=now)
        raise errors.PromptRefused
