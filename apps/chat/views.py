"""Pages of chat."""

from dataclasses import asdict
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from apps.chat import errors, selectors, services
from apps.chat.contracts import ConversationSummary, Extras, MessageDetail, ModelKind, Role
from apps.chat.gateways import rendered
from apps.chat.rules import labels, limits, message_tokens
from apps.chat.rules.own_keys import OWN_TESTS
from apps.chat.rules.pictures import PER_MESSAGE
from apps.chat.rules.prompt_library import (
    MAX_PROMPT_TEXT,
    MAX_PROMPT_TITLE,
    PROMPTS_PER_MEMBER,
    SHOWN_OWN_PROMPTS,
    SHOWN_STARTERS,
)
from apps.chat.rules.reports import LISTED_REPORTS, MAX_NOTE, REASONS, STATES, ReportDetail, ReportState
from apps.chat.rules.tariff import tariff
from apps.kernel import clock
from apps.kernel.credentials import signed_in
from apps.kernel.ids import UserId


@login_required
@ensure_csrf_cookie
@require_safe
def new_chat(request: HttpRequest) -> HttpResponse:
    """An empty chat; its conversation is made with the first message."""
    return render(request, "chat/page.html", _page(signed_in(request), conversation=None, messages=()))


@login_required
@ensure_csrf_cookie
@require_safe
def chat(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """One conversation: the branch that its owner looks at, newest below; where it is gone, an empty chat instead."""
    user_id = signed_in(request)
    try:
        conversation, branch = selectors.conversation_with_branch(
            user_id=user_id, conversation_id=conversation_id, limit=limits.SHOWN_MESSAGES
        )
    except errors.ConversationNotFound:
        page = _page(user_id, conversation=None, messages=()) | {"gone": conversation_id}
        return render(request, "chat/page.html", page, status=404)
    return render(request, "chat/page.html", _page(user_id, conversation=conversation, messages=branch))


@require_safe
def models(request: HttpRequest) -> HttpResponse:
    """Which models answer here, and under which numbers they and the site are registered; for everybody."""
    page = {"models": services.registered_models(), "service_registration": settings.SERVICE_REGISTRATION}
    return render(request, "chat/models.html", page)


@login_required
@require_safe
def reports(request: HttpRequest) -> HttpResponse:
    """What the member reported, and what came of it."""
    found = selectors.reports_of(user_id=signed_in(request), cursor=request.GET.get("cursor"), size=LISTED_REPORTS)
    return render(request, "chat/reports.html", {"page": found.map(_report_row)})


@login_required
@ensure_csrf_cookie
@require_safe
def own_keys(request: HttpRequest) -> HttpResponse:
    """The member's own keys of providers."""
    keys = [
        {**vars(state), "failure": _(OWN_TESTS[state.test_code]) if state.test_code in OWN_TESTS else ""}
        for state in services.own_keys_of(user_id=signed_in(request))
    ]
    return render(request, "chat/own_keys.html", {"keys": keys})


@login_required
@ensure_csrf_cookie
@require_safe
def own_prompts(request: HttpRequest) -> HttpResponse:
    """The member's own prompts."""
    page = {
        "prompts": selectors.own_prompts_of(user_id=signed_in(request)),
        "most": PROMPTS_PER_MEMBER,
        "max_title": MAX_PROMPT_TITLE,
        "max_text": MAX_PROMPT_TEXT,
    }
    return render(request, "chat/own_prompts.html", page)


def _report_row(report: ReportDetail) -> dict[str, Any]:
    kinds = {ReportState.OPEN: "warn", ReportState.UPHELD: "jade", ReportState.DISMISSED: ""}
    return {
        "detail": report,
        "reason": _(REASONS[report.reason]),
        "state": _(STATES[report.state]),
        "kind": kinds[report.state],
    }


@require_safe
def prices(request: HttpRequest) -> HttpResponse:
    """What each model asks, and what is charged of it, however an answer ends; for everybody."""
    policy, models = services.policy_on_show(), selectors.priced_models()
    page = {
        "models": models,
        "has_images": any(model.image_milli for model in models),
        "has_rates": any(model.image_rates for model in models),
        "has_extras": any(model.extras != Extras() for model in models),
        "tariff": tariff(),
        "least": limits.LEAST_OUTPUT_TOKENS,
        "around": message_tokens(""),
        "free_per_day": policy.free_per_day,
        "unpaid": policy.max_unpaid_per_day,
    }
    return render(request, "chat/prices.html", page)


def _page(
    user_id: UserId, *, conversation: ConversationSummary | None, messages: tuple[MessageDetail, ...]
) -> dict[str, Any]:
    now = clock.now()
    offers = [offer for offer in services.models_for(user_id=user_id, now=now) if offer.kind is not ModelKind.EMBEDDING]
    last = next((m.generation for m in reversed(messages) if m.generation), None)
    last_model = last.model if last else ""
    # One that answers before one that could be asked in vain; who wants a picture chooses to.
    best = sorted(offers, key=lambda offer: (offer.kind is not ModelKind.TEXT, bool(offer.reason), not offer.answering))
    usable = best[0] if best else None
    policy = services.policy_on_show()
    recent = selectors.recent_conversations(user_id=user_id, limit=limits.LISTED_CONVERSATIONS)
    return {
        "conversation": conversation,
        "groups": _by_age(recent, now=now),
        "rows": _rows(user_id, messages, now=now),
        "offers": offers,
        # As the last answer was asked, so is the next.
        "asked": last,
        "chosen": next((offer for offer in offers if offer.id == last_model), usable),
        "max_chars": policy.max_message_chars,
        "max_pictures": PER_MESSAGE,
        "free_per_day": policy.free_per_day,
        "question_tokens": limits.SHORT_QUESTION_TOKENS,
        "least_tokens": limits.LEAST_OUTPUT_TOKENS,
        "ai_mark": labels.VISIBLE_MARK,
        "report_reasons": [(code.value, _(text)) for code, text in REASONS.items()],
        "max_note": MAX_NOTE,
        **({} if messages else _beginnings(user_id)),
    }


def _beginnings(user_id: UserId) -> dict[str, Any]:
    """What an empty chat offers to begin with; where operators offer nothing, ideas of ours."""
    return {
        "own_prompts": selectors.own_prompts_of(user_id=user_id)[:SHOWN_OWN_PROMPTS],
        "starters": services.starters_for(language=get_language() or settings.LANGUAGE_CODE)[:SHOWN_STARTERS],
        "ideas": (
            _("Explain compound interest with an example"),
            _("Write a Python function that removes duplicates but keeps the order"),
            _("Plan a weekend in Hangzhou as a table"),
            _("Turn my notes into a polite e-mail"),
        ),
    }


def _rows(user_id: UserId, messages: tuple[MessageDetail, ...], *, now: datetime) -> list[dict[str, Any]]:
    """The messages with what their template needs, answers as HTML, and what was drawn by what it was asked for."""
    asked = {message.id: message.text for message in messages}
    answers = [message for message in messages if message.role is not Role.USER]
    blocks = rendered.blocks_of([message.text for message in answers], user_id=user_id)
    html = {message.id: _trusted(parts) for message, parts in zip(answers, blocks, strict=True)}
    return [
        _answer(message, html[message.id], now=now) | {"question": asked.get(message.parent_id or message.id)}
        if message.id in html
        else {"message": message}
        for message in messages
    ]


def _answer(message: MessageDetail, html: SafeString, *, now: datetime) -> dict[str, Any]:
    """An answer with its HTML and its place among its siblings."""
    siblings = message.sibling_ids
    at = siblings.index(message.id)
    return {
        "message": message,
        "html": html,
        "report": _shown_report(message),
        "waited": max(0, int((now - message.created_at).total_seconds())),
        "place": at + 1 if len(siblings) > 1 else None,
        "places": len(siblings),
        "previous_id": siblings[at - 1] if at else None,
        "next_id": siblings[at + 1] if at + 1 < len(siblings) else None,
    }


def _shown_report(message: MessageDetail) -> dict[str, Any] | None:
    """What the member reported of an answer, in their language."""
    report = message.report
    if report is None:
        return None
    return {**asdict(report), "reason": _(report.reason_title), "state": _(report.state_title)}


def _trusted(blocks: tuple[str, ...]) -> SafeString:
    return mark_safe("".join(blocks))  # noqa: S308  # cleaned block by block in markup


def _by_age(conversations: list[ConversationSummary], *, now: datetime) -> list[dict[str, Any]]:
    today = services.local_day(now)

    def name(item: ConversationSummary) -> str:
        return _age(services.local_day(item.updated_at), today=today)

    return [{"name": group, "items": list(items)} for group, items in groupby(conversations, key=name)]


def _age(day: date, *, today: date) -> str:
    if day >= today:
        return _("Today")
    return _("Last seven days") if day > today - timedelta(days=7) else _("Earlier")
