"""Pages of chat."""

from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from apps.chat import markup, selectors, services
from apps.chat.contracts import ConversationSummary, MessageDetail, Role
from apps.kernel import clock
from apps.kernel.ids import UserId

_LISTED_CONVERSATIONS = 100
_SHOWN_MESSAGES = 500


@login_required
@ensure_csrf_cookie
@require_safe
def new_chat(request: HttpRequest) -> HttpResponse:
    """An empty chat; its conversation is made with the first message."""
    return render(request, "chat/page.html", _page(_member(request), conversation=None, messages=()))


@login_required
@ensure_csrf_cookie
@require_safe
def chat(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """One conversation: the branch that its owner looks at, newest below."""
    user_id = _member(request)
    conversation = selectors.conversation_of(user_id=user_id, conversation_id=conversation_id)
    branch = selectors.branch_of(user_id=user_id, conversation_id=conversation_id, limit=_SHOWN_MESSAGES)
    return render(request, "chat/page.html", _page(user_id, conversation=conversation, messages=branch))


def _page(
    user_id: UserId, *, conversation: ConversationSummary | None, messages: tuple[MessageDetail, ...]
) -> dict[str, Any]:
    now = clock.now()
    offers = services.models_for(user_id=user_id, now=now)
    last_model = next((m.generation.model for m in reversed(messages) if m.generation), "")
    usable = next((offer for offer in offers if not offer.reason), offers[0] if offers else None)
    recent = selectors.recent_conversations(user_id=user_id, limit=_LISTED_CONVERSATIONS)
    return {
        "conversation": conversation,
        "groups": _by_age(recent, now=now),
        "rows": [_row(message) for message in messages],
        "offers": offers,
        "chosen": next((offer for offer in offers if offer.id == last_model), usable),
        "max_chars": selectors.policy().max_message_chars,
    }


def _row(message: MessageDetail) -> dict[str, Any]:
    """A message with what its template needs: HTML for answers, and its place among its siblings."""
    if message.role is Role.USER:
        return {"message": message}
    siblings = message.sibling_ids
    at = siblings.index(message.id)
    return {
        "message": message,
        "html": _trusted(markup.render_blocks(message.text)),
        "place": at + 1 if len(siblings) > 1 else None,
        "places": len(siblings),
        "previous_id": siblings[at - 1] if at else None,
        "next_id": siblings[at + 1] if at + 1 < len(siblings) else None,
    }


def _trusted(blocks: tuple[str, ...]) -> SafeString:
    return mark_safe("".join(blocks))  # noqa: S308  # cleaned block by block in markup.py


def _by_age(conversations: list[ConversationSummary], *, now: datetime) -> list[dict[str, Any]]:
    today = services.local_day(now)

    def name(item: ConversationSummary) -> str:
        return _age(services.local_day(item.updated_at), today=today)

    return [{"name": group, "items": list(items)} for group, items in groupby(conversations, key=name)]


def _age(day: date, *, today: date) -> str:
    if day >= today:
        return _("Today")
    return _("Last seven days") if day > today - timedelta(days=7) else _("Earlier")


def _member(request: HttpRequest) -> UserId:
    return UserId(request.user.pk)  # type: ignore[arg-type]  # login_required: never anonymous
