"""Marketing's pages: the welfare page, published odds, and checking a past draw."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from apps.kernel import clock
from apps.kernel.credentials import signed_in
from apps.marketing.campaigns.contracts import ActivityDetail, ActivityState
from apps.marketing.draws.rules import RECENT_PRIZES
from apps.marketing.draws.selectors import draws_page
from apps.marketing.draws.services.winners import winners_of
from apps.marketing.earning.contracts import PAYMENT, SignInWeek
from apps.marketing.earning.services import reward_for, sign_in_week
from apps.marketing.exchange.contracts import ExchangeOffer
from apps.marketing.exchange.registries import ITEMS
from apps.marketing.exchange.selectors import exchange_offers
from apps.marketing.odds.rules import POSITIONS, is_rare, odds_lines
from apps.marketing.odds.selectors import prizes_on_show, published_odds
from apps.marketing.pages import services
from apps.marketing.pages.contracts import BALANCES
from apps.marketing.prizes.registries import PRIZES
from apps.marketing.seats.contracts import CHANCES


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of the nine-grid."""

    position: int
    title: str
    kind: str
    percent: str
    is_rare: bool
    stock_left: int | None


@login_required
@require_safe
def welfare(request: HttpRequest) -> HttpResponse:
    """Balances, today's draw, sign-in, exchange and prizes of the signed-in member."""
    user_id = signed_in(request)
    now = clock.now()
    activity = services.home_activity()
    week = sign_in_week(user_id=user_id, now=now)
    offers = exchange_offers(user_id=user_id, now=now)
    context = {
        "activity": activity,
        "cells": _cells(activity) if activity else [],
        "closed": _closed(activity, now) if activity else "",
        "ends_at": activity.ends_at.astimezone(ZoneInfo(activity.time_zone)) if activity else None,
        "account": services.account_of(user_id=user_id, activity_id=activity.id, now=now) if activity else None,
        "winners": winners_of(activity_id=activity.id) if activity else [],
        "balances": services.balances_of(user_id=user_id, now=now),
        "week": week,
        "offers": offers,
        "ways": _ways(activity, week, offers, now),
        "prizes": draws_page(user_id=user_id, cursor=None, size=RECENT_PRIZES, won_only=True).items,
        "kinds": {kind.code: kind for kind in (*ITEMS, *PRIZES)}.values(),
    }
    return render(request, "marketing/welfare.html", context)


@login_required
@require_safe
def movements(request: HttpRequest) -> HttpResponse:
    """Every change of one of the member's balances, newest first."""
    asked = request.GET.get("of", "")
    balance = asked if asked in BALANCES else "quota"
    page = services.movements_of(user_id=signed_in(request), balance=balance, cursor=request.GET.get("cursor"))
    return render(request, "marketing/movements.html", {"balance": balance, "names": BALANCES, "page": page})


@require_safe
def odds(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """The published odds of one version, for everybody."""
    published = published_odds(version_id=version_id)
    lines = odds_lines(published)
    shares = {line.weight for line in lines}
    context = {"odds": published, "lines": lines, "is_even": len(shares) == 1}
    return render(request, "marketing/odds.html", context)


@login_required
@require_safe
def verify(request: HttpRequest) -> HttpResponse:
    """Recompute one of the member's draws in the browser."""
    draws = draws_page(user_id=signed_in(request), cursor=None, size=20, won_only=False).items
    return render(request, "marketing/verify.html", {"draws": draws, "chosen": request.GET.get("draw", "")})


def _closed(activity: ActivityDetail, now: datetime) -> str:
    """Why nobody can draw now, as the button says it; empty when members can."""
    if activity.state == ActivityState.PAUSED:
        return gettext("Paused")
    if activity.state == ActivityState.ENDED or now >= activity.ends_at:
        return gettext("Ended")
    return gettext("Soon") if now < activity.starts_at else ""


def _ways(
    activity: ActivityDetail | None, week: SignInWeek, offers: Iterable[ExchangeOffer], now: datetime
) -> list[str]:
    """What gives another draw at the moment; the page promises no other way."""
    sold = [offer for offer in offers if offer.kind == CHANCES and 0 not in (offer.stock_left, offer.left_for_member)]
    is_open = {
        "sign-in": week.chances > 0 and not week.signed_in_today,
        "exchange": activity is not None and any(offer.activity_id == activity.id for offer in sold),
        "payment": reward_for(behaviour=PAYMENT, now=now).total_chances > 0,
    }
    return [way for way, gives in is_open.items() if gives]


def _cells(activity: ActivityDetail) -> list[Cell | None]:
    """The eight cells in the order of their positions; one without a prize stays empty."""
    if activity.odds_version_id is None:
        return []
    published = published_odds(version_id=activity.odds_version_id)
    left = {prize.id: prize.stock_left for prize in prizes_on_show(activity_id=activity.id)}
    cells: dict[int, Cell] = {
        line.position: Cell(
            position=line.position,
            title=line.title,
            kind=line.kind,
            percent=line.percent,
            is_rare=is_rare(kind=line.kind, weight=line.weight, total=published.declared_total),
            stock_left=left.get(line.id),
        )
        for line in odds_lines(published)
    }
    return [cells.get(position) for position in POSITIONS]
