"""Marketing's pages: the welfare page, published odds, and checking a past draw."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from apps.kernel import clock
from apps.kernel.ids import UserId
from apps.marketing import errors, rules, selectors, services
from apps.marketing.contracts import ActivityDetail, ActivityState, PrizeKind

HOME = {"channel": "web", "source": "home"}
RECENT_PRIZES = 10

ICONS = {PrizeKind.QUOTA.value: "quota", PrizeKind.POINTS.value: "points", PrizeKind.NOTHING.value: "star"}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of the nine-grid."""

    position: int
    title: str
    kind: str
    icon: str
    percent: str
    is_rare: bool
    stock_left: int | None


@login_required
@require_safe
def welfare(request: HttpRequest) -> HttpResponse:
    """Balances, today's draw, sign-in, exchange and prizes of the signed-in member."""
    user_id = _member(request)
    now = clock.now()
    activity = _staged()
    context = {
        "activity": activity,
        "cells": _cells(activity) if activity else [],
        "closed": _closed(activity, now) if activity else "",
        "ends_at": activity.ends_at.astimezone(ZoneInfo(activity.time_zone)) if activity else None,
        "account": services.account_of(user_id=user_id, activity_id=activity.id, now=now) if activity else None,
        "winners": services.winners_of(activity_id=activity.id) if activity else [],
        "balances": services.balances_of(user_id=user_id, now=now),
        "week": services.sign_in_week(user_id=user_id, now=now),
        "offers": selectors.exchange_offers(user_id=user_id, now=now),
        "prizes": selectors.draws_page(user_id=user_id, cursor=None, size=RECENT_PRIZES, won_only=True).items,
    }
    return render(request, "marketing/welfare.html", context)


@require_safe
def odds(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """The published odds of one version, for everybody."""
    published = selectors.published_odds(version_id=version_id)
    lines = rules.odds_lines(published)
    shares = {line.weight for line in lines}
    context = {"odds": published, "lines": lines, "is_even": len(shares) == 1}
    return render(request, "marketing/odds.html", context)


@login_required
@require_safe
def verify(request: HttpRequest) -> HttpResponse:
    """Recompute one of the member's draws in the browser."""
    draws = selectors.draws_page(user_id=_member(request), cursor=None, size=20, won_only=False).items
    return render(request, "marketing/verify.html", {"draws": draws, "chosen": request.GET.get("draw", "")})


def _member(request: HttpRequest) -> UserId:
    return UserId(cast(UUID, request.user.pk))


def _staged() -> ActivityDetail | None:
    try:
        return selectors.staged_activity(**HOME)
    except errors.StageNotFound:
        return None


def _closed(activity: ActivityDetail, now: datetime) -> str:
    """Why nobody can draw now, as the button says it; empty when members can."""
    if activity.state == ActivityState.PAUSED:
        return gettext("Paused")
    if activity.state == ActivityState.ENDED or now >= activity.ends_at:
        return gettext("Ended")
    return gettext("Soon") if now < activity.starts_at else ""


def _cells(activity: ActivityDetail) -> list[Cell | None]:
    """The eight cells in the order of their positions; one without a prize stays empty."""
    if activity.odds_version_id is None:
        return []
    published = selectors.published_odds(version_id=activity.odds_version_id)
    left = {prize.id: prize.stock_left for prize in selectors.prizes_on_show(activity_id=activity.id)}
    cells: dict[int, Cell] = {
        line.position: Cell(
            position=line.position,
            title=line.title,
            kind=line.kind,
            icon=ICONS[line.kind],
            percent=line.percent,
            is_rare=rules.is_rare(kind=line.kind, weight=line.weight, total=published.declared_total),
            stock_left=left.get(line.id),
        )
        for line in rules.odds_lines(published)
    }
    return [cells.get(position) for position in rules.POSITIONS]
