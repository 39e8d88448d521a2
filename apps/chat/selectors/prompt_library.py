"""Reads of prompts: a member's own, and those that operators offer."""

from uuid import UUID

from apps.chat import errors
from apps.chat.contracts import OwnPromptDetail, StarterDetail
from apps.chat.models import OwnPrompt, Starter
from apps.chat.rules.prompt_library import LISTED_STARTERS, PROMPTS_PER_MEMBER
from apps.kernel.ids import UserId


def own_prompts_of(*, user_id: UserId) -> list[OwnPromptDetail]:
    """All prompts of a member, those changed last first: there are few."""
    rows = OwnPrompt.objects.filter(user_id=user_id).order_by("-updated_at", "-pk")
    return [as_own_prompt(row) for row in rows[:PROMPTS_PER_MEMBER]]


def own_prompt_of(*, user_id: UserId, prompt_id: UUID) -> OwnPromptDetail:
    """One of a member's prompts. Raises PromptNotFound, also for somebody else's."""
    row = OwnPrompt.objects.filter(pk=prompt_id, user_id=user_id).first()
    if row is None:
        raise errors.PromptNotFound
    return as_own_prompt(row)


def as_own_prompt(row: OwnPrompt) -> OwnPromptDetail:
    """A row as its member is told of it."""
    return OwnPromptDetail(
        id=row.pk,
        title=row.title,
        text=row.text,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def starters(*, language: str) -> tuple[StarterDetail, ...]:
    """What operators offer on pages in this language, in their order."""
    rows = Starter.objects.filter(is_enabled=True, language__in=("", language)).order_by("sort", "code")
    return tuple(StarterDetail(**row) for row in rows.values("code", "title", "text", "category")[:LISTED_STARTERS])
